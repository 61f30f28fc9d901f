//! What keys and stores are encrypted with, by a key that is made of a password: PBES2 (RFC 8018) with AES or triple DES, and
//! the older ways of PKCS#12 (RFC 7292, appendix C) with triple DES or RC2.

use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, InnerIvInit, KeyInit};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use super::bounds::ITERATIONS_MAX;
use super::store_error::StoreError;
use crate::tls::der::{self, BadDer, Reader, tag};
use crate::tls::secret::Secret;

/// Bytes of a salt, above which none is taken. Usual are 8 to 20.
const SALT_MAX: usize = 1024;

/// Object identifiers of ways to encrypt.
mod oid {
    pub const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 12];
    pub const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 13];
    pub const SHA1_3DES: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 1, 3];
    pub const SHA1_2DES: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 1, 4];
    pub const SHA1_RC2_128: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 1, 5];
    pub const SHA1_RC2_40: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 1, 6];
    pub const AES_128: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 2];
    pub const AES_192: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 22];
    pub const AES_256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 42];
    pub const TRIPLE_DES: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 3, 7];
}

/// How often passwords may still be hashed for one store. It bounds the time that a store takes, whatever it holds.
#[derive(Debug)]
pub struct Work {
    iterations_left: u64,
}

impl Default for Work {
    fn default() -> Work {
        Work { iterations_left: ITERATIONS_MAX }
    }
}

impl Work {
    /// Takes so many out of what is left.
    ///
    /// # Errors
    /// That there are not as many.
    pub fn spend(&mut self, iterations: u64) -> Result<(), StoreError> {
        self.iterations_left = self.iterations_left.checked_sub(iterations).ok_or(StoreError::TooManyIterations)?;
        Ok(())
    }
}

/// The key, PKCS#8, of an EncryptedPrivateKeyInfo.
///
/// # Errors
/// A wrong password, or a way to encrypt that is not known.
pub fn decrypt_key(info: &[u8], password: &Secret) -> Result<Secret, StoreError> {
    decrypt_key_info(info, password, &mut Work::default())
}

/// The same for one of several keys of a store.
///
/// # Errors
/// As there, and when too much work is done.
pub fn decrypt_key_info(info: &[u8], password: &Secret, work: &mut Work) -> Result<Secret, StoreError> {
    let read = || -> Result<(&[u8], &[u8]), BadDer> {
        let mut info = der::only(info, tag::SEQUENCE)?.reader();
        let algorithm = info.value(tag::SEQUENCE)?.content;
        let encrypted = info.value(tag::OCTET_STRING)?.content;
        info.end()?;
        Ok((algorithm, encrypted))
    };
    let (algorithm, encrypted) = read().map_err(|_| StoreError::Damaged("an encrypted key"))?;
    let mut plain = decrypt(algorithm, encrypted, password, work)?;
    // A wrong password leaves a padding that seems right once in 256 times.
    der::only(&plain, tag::SEQUENCE).map_err(|_| StoreError::WrongPassword)?;
    Ok(Secret::new(std::mem::take(&mut *plain)))
}

/// Decrypts something. `algorithm` is the content of an AlgorithmIdentifier.
///
/// # Errors
/// A wrong password as far as the padding shows it, a way to encrypt that is not known, too much work.
pub fn decrypt(
    algorithm: &[u8],
    encrypted: &[u8],
    password: &Secret,
    work: &mut Work,
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let mut reader = Reader::new(algorithm);
    let kind = reader.value(tag::OID).map_err(|_| DAMAGED)?.content;
    let mut parameters = reader.sequence().map_err(|_| unknown(kind))?;
    if kind == oid::PBES2 {
        return decrypt_pbes2(&mut parameters, encrypted, password, work);
    }
    let (key_length, iv_length) = match kind {
        oid::SHA1_3DES => (24, 8),
        oid::SHA1_2DES | oid::SHA1_RC2_128 => (16, 8),
        oid::SHA1_RC2_40 => (5, 8),
        _ => return Err(unknown(kind)),
    };
    let salt = salt(&mut parameters)?;
    let iterations = iterations(&mut parameters)?;
    // An empty password is hashed as an end mark, or as nothing.
    let mut why = StoreError::WrongPassword;
    for password in passwords(password)? {
        work.spend(iterations * 2)?;
        let key = derive(Hash::Sha1, &password, salt, iterations, DeriveFor::Key, key_length);
        let iv = derive(Hash::Sha1, &password, salt, iterations, DeriveFor::Iv, iv_length);
        let decrypted = match kind {
            oid::SHA1_3DES => block_decrypt(des::TdesEde3::new_from_slice(&key).ok(), &iv, encrypted),
            oid::SHA1_2DES => block_decrypt(des::TdesEde2::new_from_slice(&key).ok(), &iv, encrypted),
            _ => block_decrypt(Some(rc2::Rc2::new_with_eff_key_len(&key, key_length * 8)), &iv, encrypted),
        };
        match decrypted {
            Ok(plain) => return Ok(plain),
            Err(error) => why = error,
        }
    }
    Err(why)
}

const DAMAGED: StoreError = StoreError::Damaged("how it is encrypted");

fn unknown(kind: &[u8]) -> StoreError {
    let kind = der::dotted(kind).unwrap_or_default();
    StoreError::Unsupported(format!(
        "is encrypted in a way that is not known here ({kind}): write it with AES, as keytool -importkeystore or openssl do"
    ))
}

/// A salt of bounded length.
///
/// # Errors
/// Anything else.
pub fn salt<'a>(parameters: &mut Reader<'a>) -> Result<&'a [u8], StoreError> {
    let salt = parameters.value(tag::OCTET_STRING).map_err(|_| DAMAGED)?.content;
    if salt.len() > SALT_MAX { Err(DAMAGED) } else { Ok(salt) }
}

/// How often a password is to be hashed: at least once, at most [`ITERATIONS_MAX`] times.
///
/// # Errors
/// Anything else.
pub fn iterations(parameters: &mut Reader<'_>) -> Result<u64, StoreError> {
    match parameters.value(tag::INTEGER).and_then(|value| value.number()) {
        Ok(iterations @ 1..=ITERATIONS_MAX) => Ok(iterations),
        Ok(0) | Err(_) => Err(DAMAGED),
        Ok(_) => Err(StoreError::TooManyIterations),
    }
}

/// PBES2: a key by PBKDF2, and a cipher with its initial vector.
fn decrypt_pbes2(
    parameters: &mut Reader<'_>,
    encrypted: &[u8],
    password: &Secret,
    work: &mut Work,
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let derivation = parameters.value(tag::SEQUENCE).map_err(|_| DAMAGED)?.content;
    let mut cipher = parameters.sequence().map_err(|_| DAMAGED)?;
    let kind = cipher.value(tag::OID).map_err(|_| DAMAGED)?.content;
    let key_length = match kind {
        oid::AES_128 => 16,
        oid::AES_192 | oid::TRIPLE_DES => 24,
        oid::AES_256 => 32,
        _ => return Err(unknown(kind)),
    };
    let iv = cipher.value(tag::OCTET_STRING).map_err(|_| DAMAGED)?.content;
    let key = pbkdf2_by(derivation, password, key_length, work)?;
    match kind {
        oid::AES_128 => block_decrypt(aes::Aes128::new_from_slice(&key).ok(), iv, encrypted),
        oid::AES_192 => block_decrypt(aes::Aes192::new_from_slice(&key).ok(), iv, encrypted),
        oid::AES_256 => block_decrypt(aes::Aes256::new_from_slice(&key).ok(), iv, encrypted),
        _ => block_decrypt(des::TdesEde3::new_from_slice(&key).ok(), iv, encrypted),
    }
}

/// A key by PBKDF2, as an AlgorithmIdentifier's content says.
///
/// # Errors
/// Another way than PBKDF2, or too much work.
pub fn pbkdf2_by(
    derivation: &[u8],
    password: &Secret,
    length: usize,
    work: &mut Work,
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let mut reader = Reader::new(derivation);
    let kind = reader.value(tag::OID).map_err(|_| DAMAGED)?.content;
    if kind != oid::PBKDF2 {
        return Err(unknown(kind));
    }
    let mut parameters = reader.sequence().map_err(|_| DAMAGED)?;
    let salt = salt(&mut parameters)?;
    let iterations = iterations(&mut parameters)?;
    parameters.optional(tag::INTEGER).map_err(|_| DAMAGED)?;
    let hash = match parameters.optional(tag::SEQUENCE).map_err(|_| DAMAGED)? {
        None => Hash::Sha1,
        Some(function) => {
            let kind = function.reader().value(tag::OID).map_err(|_| DAMAGED)?.content;
            Hash::of_hmac(kind).ok_or_else(|| unknown(kind))?
        }
    };
    let blocks = length.div_ceil(hash.length());
    work.spend(iterations * blocks as u64)?;
    let mut key = Zeroizing::new(vec![0; length]);
    match hash {
        Hash::Sha1 => pbkdf2::<Hmac<Sha1>>(password.bytes(), salt, iterations, &mut key),
        Hash::Sha224 => pbkdf2::<Hmac<Sha224>>(password.bytes(), salt, iterations, &mut key),
        Hash::Sha256 => pbkdf2::<Hmac<Sha256>>(password.bytes(), salt, iterations, &mut key),
        Hash::Sha384 => pbkdf2::<Hmac<Sha384>>(password.bytes(), salt, iterations, &mut key),
        Hash::Sha512 => pbkdf2::<Hmac<Sha512>>(password.bytes(), salt, iterations, &mut key),
    }
    Ok(key)
}

/// PBKDF2 (RFC 8018, 5.2).
fn pbkdf2<M: Mac + hmac::KeyInit + Clone>(password: &[u8], salt: &[u8], iterations: u64, key: &mut [u8]) {
    let keyed = <M as hmac::KeyInit>::new_from_slice(password).expect("HMAC takes keys of any length");
    let mut number = 0u32;
    for block in key.chunks_mut(<M as hmac::digest::OutputSizeUser>::output_size()) {
        number += 1;
        let mut last = keyed.clone().chain_update(salt).chain_update(number.to_be_bytes()).finalize().into_bytes();
        block.copy_from_slice(&last[..block.len()]);
        for _ in 1..iterations {
            last = keyed.clone().chain_update(&last).finalize().into_bytes();
            block.iter_mut().zip(&last).for_each(|(sum, byte)| *sum ^= byte);
        }
    }
}

fn block_decrypt<C: BlockCipherDecrypt>(
    cipher: Option<C>,
    iv: &[u8],
    encrypted: &[u8],
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let cipher = cipher.ok_or(DAMAGED)?;
    let mode = cbc::Decryptor::inner_iv_slice_init(cipher, iv).map_err(|_| DAMAGED)?;
    let mut bytes = Zeroizing::new(encrypted.to_vec());
    let length = mode.decrypt_padded::<Pkcs7>(&mut bytes).map_err(|_| StoreError::WrongPassword)?.len();
    bytes.truncate(length);
    Ok(bytes)
}

/// Hashes of passwords and of stores.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hash {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// By the object identifier of an HMAC.
    pub fn of_hmac(kind: &[u8]) -> Option<Hash> {
        match kind.strip_prefix(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2])? {
            [7] => Some(Hash::Sha1),
            [8] => Some(Hash::Sha224),
            [9] => Some(Hash::Sha256),
            [10] => Some(Hash::Sha384),
            [11] => Some(Hash::Sha512),
            _ => None,
        }
    }

    /// By its own object identifier.
    pub fn of_digest(kind: &[u8]) -> Option<Hash> {
        if kind == [0x2b, 0x0e, 3, 2, 0x1a] {
            return Some(Hash::Sha1);
        }
        match kind.strip_prefix(&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2])? {
            [1] => Some(Hash::Sha256),
            [2] => Some(Hash::Sha384),
            [3] => Some(Hash::Sha512),
            [4] => Some(Hash::Sha224),
            _ => None,
        }
    }

    /// Bytes that it gives.
    pub fn length(self) -> usize {
        match self {
            Hash::Sha1 => 20,
            Hash::Sha224 => 28,
            Hash::Sha256 => 32,
            Hash::Sha384 => 48,
            Hash::Sha512 => 64,
        }
    }

    /// Bytes that it takes at a time.
    fn block(self) -> usize {
        match self {
            Hash::Sha1 | Hash::Sha224 | Hash::Sha256 => 64,
            Hash::Sha384 | Hash::Sha512 => 128,
        }
    }

    fn digest(self, parts: [&[u8]; 2]) -> Zeroizing<Vec<u8>> {
        fn of<D: Digest>(parts: [&[u8]; 2]) -> Vec<u8> {
            D::new().chain_update(parts[0]).chain_update(parts[1]).finalize().to_vec()
        }
        Zeroizing::new(match self {
            Hash::Sha1 => of::<Sha1>(parts),
            Hash::Sha224 => of::<Sha224>(parts),
            Hash::Sha256 => of::<Sha256>(parts),
            Hash::Sha384 => of::<Sha384>(parts),
            Hash::Sha512 => of::<Sha512>(parts),
        })
    }

    /// The HMAC of `bytes` by a key.
    pub fn hmac(self, key: &[u8], bytes: &[u8]) -> Vec<u8> {
        fn of<M: Mac + hmac::KeyInit>(key: &[u8], bytes: &[u8]) -> Vec<u8> {
            let keyed = <M as hmac::KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
            keyed.chain_update(bytes).finalize().into_bytes().to_vec()
        }
        match self {
            Hash::Sha1 => of::<Hmac<Sha1>>(key, bytes),
            Hash::Sha224 => of::<Hmac<Sha224>>(key, bytes),
            Hash::Sha256 => of::<Hmac<Sha256>>(key, bytes),
            Hash::Sha384 => of::<Hmac<Sha384>>(key, bytes),
            Hash::Sha512 => of::<Hmac<Sha512>>(key, bytes),
        }
    }
}

/// What is derived of a password in the way of PKCS#12.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeriveFor {
    Key = 1,
    Iv = 2,
    Mac = 3,
}

/// A password as PKCS#12 hashes it: UTF-16 with the highest byte first, and an end mark. Of an empty one some programs leave
/// the mark away, so there are two.
///
/// # Errors
/// A password that is not UTF-8.
pub fn passwords(password: &Secret) -> Result<Vec<Zeroizing<Vec<u8>>>, StoreError> {
    let text = std::str::from_utf8(password.bytes()).map_err(|_| StoreError::WrongPassword)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() * 2 + 2));
    for unit in text.encode_utf16().chain([0]) {
        bytes.extend(unit.to_be_bytes());
    }
    let mut passwords = vec![bytes];
    if password.is_empty() {
        passwords.push(Zeroizing::default());
    }
    Ok(passwords)
}

/// Derives bytes of a password (RFC 7292, appendix B.2). The work is to be spent by the caller.
pub fn derive(
    hash: Hash,
    password: &[u8],
    salt: &[u8],
    iterations: u64,
    what: DeriveFor,
    length: usize,
) -> Zeroizing<Vec<u8>> {
    let block = hash.block();
    let diversifier = vec![what as u8; block];
    let mut input = Zeroizing::new(filled(salt, block));
    input.extend_from_slice(&Zeroizing::new(filled(password, block)));
    let mut derived = Zeroizing::new(Vec::with_capacity(length + hash.length()));
    loop {
        let mut digest = hash.digest([&diversifier, &input]);
        for _ in 1..iterations {
            digest = hash.digest([&digest, &[]]);
        }
        derived.extend_from_slice(&digest);
        if derived.len() >= length {
            derived.truncate(length);
            return derived;
        }
        for part in input.chunks_mut(block) {
            add(part, &digest);
        }
    }
}

/// `bytes` over and over, up to a multiple of the block.
fn filled(bytes: &[u8], block: usize) -> Vec<u8> {
    let length = bytes.len().div_ceil(block) * block;
    bytes.iter().copied().cycle().take(length).collect()
}

/// Adds to a number of a block's length, highest byte first, another that is made of the digest over and over, and one.
fn add(number: &mut [u8], digest: &[u8]) {
    let mut carry = 1u16;
    for index in (0..number.len()).rev() {
        carry += u16::from(number[index]) + u16::from(digest[index % digest.len()]);
        number[index] = carry.to_be_bytes()[1];
        carry >>= 8;
    }
}

#[cfg(test)]
mod tests {
    use super::{Work, decrypt, oid};
    use crate::tls::der::{self, tag};
    use crate::tls::secret::Secret;
    use crate::tls::stores::StoreError;

    /// The work is refused before it is done, also where each part of it would be allowed.
    #[test]
    fn the_sum_of_work_is_bounded() {
        let mut parameters = Vec::new();
        der::write(tag::OCTET_STRING, &[7; 8], &mut parameters);
        der::write(tag::INTEGER, &1_500_000u32.to_be_bytes(), &mut parameters);
        let mut algorithm = Vec::new();
        der::write(tag::OID, oid::SHA1_3DES, &mut algorithm);
        der::write(tag::SEQUENCE, &parameters, &mut algorithm);
        let mut work = Work::default();
        let decrypted = decrypt(&algorithm, &[0; 8], &Secret::new(b"a".to_vec()), &mut work);
        assert_eq!(decrypted.map(|_| ()), Err(StoreError::TooManyIterations));
        assert_eq!(work.spend(2_000_001), Err(StoreError::TooManyIterations));
        assert_eq!((work.spend(2_000_000), work.spend(1)), (Ok(()), Err(StoreError::TooManyIterations)));
    }
}
