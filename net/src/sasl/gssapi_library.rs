//! The system's GSSAPI library, MIT's, opened while the program runs and only where Kerberos is configured. All of Kerberos
//! is done there; here its functions are called.
//!
//! This file has unsafe code: that the declarations below are those of MIT's `gssapi.h`, `gssapi_ext.h` and `gssapi_krb5.h`
//! for Unix, which have not changed since 1.11. Each block names what else it needs. A handle of the library belongs to the
//! one value that holds it, which releases it when it is dropped; what the library gives back as bytes is copied and
//! released at once. The library itself is never closed.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::ptr;
use std::sync::OnceLock;
use std::time::Duration;

/// The library's file, as every distribution calls it.
const FILE: &str = "libgssapi_krb5.so.2";
/// The library is used for no longer token than this, bytes: a ticket with a Windows PAC has 65,535 at most.
pub const TOKEN_MAX: usize = 128 * 1024;
/// An error is told in no more messages than these.
const MESSAGES_MAX: usize = 4;
/// Of a message no more characters than these are told.
const MESSAGE_MAX: usize = 512;

type Major = u32;
type Handle = *mut c_void;

#[repr(C)]
struct Buffer {
    length: usize,
    value: *mut c_void,
}

impl Buffer {
    fn none() -> Buffer {
        Buffer { length: 0, value: ptr::null_mut() }
    }

    /// For the library to read, as long as the bytes live.
    fn of(bytes: &[u8]) -> Buffer {
        Buffer { length: bytes.len(), value: bytes.as_ptr().cast_mut().cast() }
    }
}

#[repr(C)]
struct Oid {
    length: u32,
    elements: *const c_void,
}

#[repr(C)]
struct OidSet {
    count: usize,
    elements: *const Oid,
}

#[repr(C)]
struct StoreElement {
    key: *const c_char,
    value: *const c_char,
}

#[repr(C)]
struct Store {
    count: u32,
    elements: *const StoreElement,
}

/// The mechanism of Kerberos: 1.2.840.113554.1.2.2.
const KERBEROS: Oid = oid(b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02");
/// That a name is a principal: 1.2.840.113554.1.2.2.1.
const PRINCIPAL: Oid = oid(b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01");

const fn oid(elements: &'static [u8]) -> Oid {
    Oid { length: elements.len() as u32, elements: elements.as_ptr().cast() }
}

const COMPLETE: Major = 0;
const CONTINUE_NEEDED: Major = 1;
/// `GSS_S_FAILURE`: what has failed is in the minor code.
const FAILURE: Major = 13 << 16;
/// `GSS_C_INDEFINITE`
const INDEFINITE: u32 = u32::MAX;
const INITIATE: c_int = 1;
const ACCEPT: c_int = 2;
/// `GSS_C_MUTUAL_FLAG`, `GSS_C_CONF_FLAG` and `GSS_C_INTEG_FLAG`: the server shows who it is, and what is wrapped is intact.
const FLAGS: u32 = 2 | 16 | 32;
/// `GSS_C_GSS_CODE` and `GSS_C_MECH_CODE`
const OF_LIBRARY: c_int = 1;
const OF_MECHANISM: c_int = 2;

/// The functions, with their types in C.
struct Functions {
    import_name: unsafe extern "C" fn(*mut u32, *const Buffer, *const Oid, *mut Handle) -> Major,
    display_name: unsafe extern "C" fn(*mut u32, Handle, *mut Buffer, *mut *const Oid) -> Major,
    release_name: unsafe extern "C" fn(*mut u32, *mut Handle) -> Major,
    #[allow(clippy::type_complexity)]
    acquire_cred_from: unsafe extern "C" fn(
        *mut u32,
        Handle,
        u32,
        *const OidSet,
        c_int,
        *const Store,
        *mut Handle,
        *mut *const OidSet,
        *mut u32,
    ) -> Major,
    inquire_cred:
        unsafe extern "C" fn(*mut u32, Handle, *mut Handle, *mut u32, *mut c_int, *mut *const OidSet) -> Major,
    release_cred: unsafe extern "C" fn(*mut u32, *mut Handle) -> Major,
    #[allow(clippy::type_complexity)]
    accept_sec_context: unsafe extern "C" fn(
        *mut u32,
        *mut Handle,
        Handle,
        *const Buffer,
        *const c_void,
        *mut Handle,
        *mut *const Oid,
        *mut Buffer,
        *mut u32,
        *mut u32,
        *mut Handle,
    ) -> Major,
    #[allow(clippy::type_complexity)]
    init_sec_context: unsafe extern "C" fn(
        *mut u32,
        Handle,
        *mut Handle,
        Handle,
        *const Oid,
        u32,
        u32,
        *const c_void,
        *const Buffer,
        *mut *const Oid,
        *mut Buffer,
        *mut u32,
        *mut u32,
    ) -> Major,
    delete_sec_context: unsafe extern "C" fn(*mut u32, *mut Handle, *mut Buffer) -> Major,
    wrap: unsafe extern "C" fn(*mut u32, Handle, c_int, u32, *const Buffer, *mut c_int, *mut Buffer) -> Major,
    unwrap: unsafe extern "C" fn(*mut u32, Handle, *const Buffer, *mut Buffer, *mut c_int, *mut u32) -> Major,
    display_status: unsafe extern "C" fn(*mut u32, u32, c_int, *const Oid, *mut u32, *mut Buffer) -> Major,
    release_buffer: unsafe extern "C" fn(*mut u32, *mut Buffer) -> Major,
    /// Keeps the functions where they are.
    _library: libloading::Library,
}

/// The library. It may be used from any thread.
#[derive(Clone, Copy)]
pub struct GssapiLibrary(&'static Functions);

/// What the library says is wrong, in its own words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GssapiError(String);

impl std::fmt::Display for GssapiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for GssapiError {}

/// Has the library read this file in the place of /etc/krb5.conf. There is no other way to tell it than a variable of the
/// environment. To be called once, before any other thread runs code that is not Rust: only Rust's own readers of the
/// environment wait for each other.
pub fn use_krb5_conf(path: &Path) {
    // SAFETY: the threads that there are at the start write the log, wait for signals and read the standard input; none of
    // them runs foreign code that looks at the environment, and Rust's own look at it under a lock, which this takes too.
    unsafe { std::env::set_var("KRB5_CONFIG", path) };
}

impl GssapiLibrary {
    /// Opens the library, once for the program.
    ///
    /// # Errors
    /// When there is none, or it is older than MIT's 1.11.
    pub fn open() -> Result<GssapiLibrary, GssapiError> {
        static OPENED: OnceLock<Result<Functions, GssapiError>> = OnceLock::new();
        let opened = OPENED.get_or_init(|| Functions::open().map_err(|error| GssapiError(error.to_string())));
        opened.as_ref().map(GssapiLibrary).map_err(Clone::clone)
    }

    fn principal(self, name: &str) -> Result<Name, GssapiError> {
        let (mut minor, mut handle) = (0, ptr::null_mut());
        let text = Buffer::of(name.as_bytes());
        // SAFETY: every pointer is to a value that outlives the call.
        let major = unsafe { (self.0.import_name)(&mut minor, &text, &PRINCIPAL, &mut handle) };
        let name = Name { library: self, handle };
        self.check(major, minor)?;
        Ok(name)
    }

    /// What an acceptor of this principal needs. `keytab`: where its keys are, and the library's default place without. The
    /// file is read again with each client, so that new keys are seen.
    ///
    /// # Errors
    /// When the keys are not there.
    pub fn acceptor(self, principal: &str, keytab: Option<&str>) -> Result<Credential, GssapiError> {
        let store: Vec<(&str, &str)> = keytab.map(|keytab| ("keytab", keytab)).into_iter().collect();
        self.acquire(Some(principal), ACCEPT, &store)
    }

    /// What an initiator needs: that of this principal, or of whom the cache of tickets is. `store`: the places of what the
    /// library needs, by its names for them; the KDC may be asked for a ticket.
    ///
    /// # Errors
    /// When there is no ticket and none can be had.
    pub fn initiator(self, principal: Option<&str>, store: &[(&str, &str)]) -> Result<Credential, GssapiError> {
        self.acquire(principal, INITIATE, store)
    }

    fn acquire(
        self,
        principal: Option<&str>,
        usage: c_int,
        places: &[(&str, &str)],
    ) -> Result<Credential, GssapiError> {
        let name = principal.map(|principal| self.principal(principal)).transpose()?;
        let text =
            |text: &str| CString::new(text).map_err(|_| GssapiError("a zero byte is in no name of a file".into()));
        let texts = places.iter().map(|(key, value)| Ok((text(key)?, text(value)?))).collect::<Result<Vec<_>, _>>()?;
        let elements: Vec<StoreElement> =
            texts.iter().map(|(key, value)| StoreElement { key: key.as_ptr(), value: value.as_ptr() }).collect();
        let store = Store { count: elements.len() as u32, elements: elements.as_ptr() };
        let mechanisms = OidSet { count: 1, elements: &KERBEROS };
        let (mut minor, mut handle) = (0, ptr::null_mut());
        // SAFETY: every pointer is null where the library takes none, or to a value that outlives the call: `texts` and
        // `elements` do. The name is one that this library made, or none.
        let major = unsafe {
            (self.0.acquire_cred_from)(
                &mut minor,
                name.as_ref().map_or(ptr::null_mut(), |name| name.handle),
                INDEFINITE,
                &mechanisms,
                usage,
                if places.is_empty() { ptr::null() } else { &store },
                &mut handle,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        let credential = Credential { library: self, handle };
        self.check(major, minor)?;
        Ok(credential)
    }

    /// Copies what the library has put into a buffer, and has the buffer released.
    fn take(self, buffer: &mut Buffer) -> Vec<u8> {
        let bytes = match buffer.value.is_null() {
            true => Vec::new(),
            // SAFETY: the library has put so many bytes there, which are its own until they are released below.
            false => unsafe { std::slice::from_raw_parts(buffer.value.cast::<u8>(), buffer.length) }.to_vec(),
        };
        let mut minor = 0;
        // SAFETY: the buffer is the library's, or empty, and nobody has what it points to.
        unsafe { (self.0.release_buffer)(&mut minor, buffer) };
        bytes
    }

    /// `Err` unless the call was complete: also where the library says that a token is old, doubled or out of its order.
    fn check(self, major: Major, minor: u32) -> Result<(), GssapiError> {
        if major == COMPLETE { Ok(()) } else { Err(self.error(major, minor)) }
    }

    fn error(self, major: Major, minor: u32) -> GssapiError {
        // What is no more than a failure to the library, the mechanism has words for.
        let mut messages = if major == FAILURE && minor != 0 { Vec::new() } else { self.messages(major, OF_LIBRARY) };
        if minor != 0 {
            messages.extend(self.messages(minor, OF_MECHANISM));
        }
        GssapiError(messages.join(": "))
    }

    fn messages(self, code: u32, kind: c_int) -> Vec<String> {
        let (mut messages, mut more) = (Vec::new(), 0);
        for _ in 0..MESSAGES_MAX {
            let (mut minor, mut text) = (0, Buffer::none());
            // SAFETY: every pointer is to a value that outlives the call.
            let major = unsafe { (self.0.display_status)(&mut minor, code, kind, &KERBEROS, &mut more, &mut text) };
            let text = self.take(&mut text);
            if major != COMPLETE {
                messages.push(format!("code {code:#x}"));
                break;
            }
            messages.push(told(&String::from_utf8_lossy(&text)));
            if more == 0 {
                break;
            }
        }
        messages
    }
}

/// A message as a log may tell it: there may be names in it that a stranger has made up.
fn told(message: &str) -> String {
    let mut told = String::new();
    for c in message.chars().take(MESSAGE_MAX) {
        match c.is_control() {
            true => told.extend(c.escape_default()),
            false => told.push(c),
        }
    }
    told
}

impl Functions {
    fn open() -> Result<Functions, libloading::Error> {
        // SAFETY: what runs when the library is opened is the system's own, which every program runs that is linked with it.
        let library = unsafe { libloading::Library::new(FILE)? };
        macro_rules! function {
            ($name:literal) => {{
                let name: &CStr = $name;
                // SAFETY: the library's function of this name has the type of the field that it goes to.
                *unsafe { library.get(name)? }
            }};
        }
        Ok(Functions {
            import_name: function!(c"gss_import_name"),
            display_name: function!(c"gss_display_name"),
            release_name: function!(c"gss_release_name"),
            acquire_cred_from: function!(c"gss_acquire_cred_from"),
            inquire_cred: function!(c"gss_inquire_cred"),
            release_cred: function!(c"gss_release_cred"),
            accept_sec_context: function!(c"gss_accept_sec_context"),
            init_sec_context: function!(c"gss_init_sec_context"),
            delete_sec_context: function!(c"gss_delete_sec_context"),
            wrap: function!(c"gss_wrap"),
            unwrap: function!(c"gss_unwrap"),
            display_status: function!(c"gss_display_status"),
            release_buffer: function!(c"gss_release_buffer"),
            _library: library,
        })
    }
}

struct Name {
    library: GssapiLibrary,
    handle: Handle,
}

impl Name {
    fn text(&self) -> Result<String, GssapiError> {
        let (mut minor, mut text) = (0, Buffer::none());
        // SAFETY: the name is one that this library made, and every other pointer is to a value that outlives the call.
        let major = unsafe { (self.library.0.display_name)(&mut minor, self.handle, &mut text, ptr::null_mut()) };
        let text = self.library.take(&mut text);
        self.library.check(major, minor)?;
        String::from_utf8(text).map_err(|_| GssapiError("a name is no text of UTF-8".into()))
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the name is one that this library made, or none, and is not used after this.
        unsafe { (self.library.0.release_name)(&mut minor, &mut self.handle) };
    }
}

/// Keys of an acceptor, or tickets of an initiator.
pub struct Credential {
    library: GssapiLibrary,
    handle: Handle,
}

// SAFETY: the library locks a credential wherever it uses one, so that threads may share it.
unsafe impl Send for Credential {}
// SAFETY: as above.
unsafe impl Sync for Credential {}

impl Credential {
    /// Whose it is, and how long it is good for; `None`: for ever.
    pub fn inquire(&self) -> Result<(String, Option<Duration>), GssapiError> {
        let (mut minor, mut lifetime) = (0, 0);
        let mut name = Name { library: self.library, handle: ptr::null_mut() };
        // SAFETY: the credential is one that this library made; every other pointer is null where the library takes none, or
        // to a value that outlives the call.
        let major = unsafe {
            let (usage, mechanisms) = (ptr::null_mut(), ptr::null_mut());
            (self.library.0.inquire_cred)(&mut minor, self.handle, &mut name.handle, &mut lifetime, usage, mechanisms)
        };
        self.library.check(major, minor)?;
        let lifetime = (lifetime != INDEFINITE).then(|| Duration::from_secs(u64::from(lifetime)));
        Ok((name.text()?, lifetime))
    }
}

impl Drop for Credential {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the credential is one that this library made, or none, and is not used after this.
        unsafe { (self.library.0.release_cred)(&mut minor, &mut self.handle) };
    }
}

/// One side of one negotiation, as the library knows it.
pub struct Context {
    library: GssapiLibrary,
    handle: Handle,
}

// SAFETY: a context is used by one thread at a time, since every use of it that is not the last needs it whole, and it holds
// nothing of the thread that made it.
unsafe impl Send for Context {}

/// What comes of a token.
pub struct Established {
    /// What goes to the other side, if it is not empty.
    pub token: Vec<u8>,
    /// Who the other side is, once that is known.
    pub peer: Option<String>,
}

impl Context {
    pub fn new(library: GssapiLibrary) -> Context {
        Context { library, handle: ptr::null_mut() }
    }

    /// Takes the token of an initiator.
    ///
    /// # Errors
    /// When it is no token, or has been taken before, or is not for this acceptor, or its time is over. The context is good
    /// for nothing then.
    pub fn accept(&mut self, credential: &Credential, token: &[u8]) -> Result<Established, GssapiError> {
        let functions = self.library.0;
        let (mut minor, mut output, input) = (0, Buffer::none(), Buffer::of(token));
        let mut source = Name { library: self.library, handle: ptr::null_mut() };
        // SAFETY: the context is none, or one that this function made; the credential is one that this library made; every
        // other pointer is null where the library takes none, or to a value that outlives the call.
        let major = unsafe {
            (functions.accept_sec_context)(
                &mut minor,
                &mut self.handle,
                credential.handle,
                &input,
                ptr::null(),
                &mut source.handle,
                ptr::null_mut(),
                &mut output,
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        let token = self.library.take(&mut output);
        match major {
            COMPLETE => Ok(Established { token, peer: Some(source.text()?) }),
            CONTINUE_NEEDED => Ok(Established { token, peer: None }),
            _ => Err(self.library.error(major, minor)),
        }
    }

    /// Takes the token of the acceptor `target`, a principal; the first is empty.
    ///
    /// # Errors
    /// When no ticket for the acceptor can be had, or the token is none of it. The context is good for nothing then.
    pub fn initiate(
        &mut self,
        credential: &Credential,
        target: &str,
        token: &[u8],
    ) -> Result<Established, GssapiError> {
        let name = self.library.principal(target)?;
        let functions = self.library.0;
        let (mut minor, mut output, input) = (0, Buffer::none(), Buffer::of(token));
        // SAFETY: as in `accept`; the name is one that this library made.
        let major = unsafe {
            (functions.init_sec_context)(
                &mut minor,
                credential.handle,
                &mut self.handle,
                name.handle,
                &KERBEROS,
                FLAGS,
                0,
                ptr::null(),
                &input,
                ptr::null_mut(),
                &mut output,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        let token = self.library.take(&mut output);
        match major {
            COMPLETE => Ok(Established { token, peer: Some(target.to_owned()) }),
            CONTINUE_NEEDED => Ok(Established { token, peer: None }),
            _ => Err(self.library.error(major, minor)),
        }
    }

    /// A message that the other side can see is whole. Only once the context is established.
    ///
    /// # Errors
    /// When the context has none to protect it with.
    pub fn wrap(&mut self, message: &[u8]) -> Result<Vec<u8>, GssapiError> {
        let (mut minor, mut output, input) = (0, Buffer::none(), Buffer::of(message));
        // SAFETY: the context is none, which the library refuses, or one that it made; every other pointer is null where the
        // library takes none, or to a value that outlives the call.
        let major =
            unsafe { (self.library.0.wrap)(&mut minor, self.handle, 0, 0, &input, ptr::null_mut(), &mut output) };
        let wrapped = self.library.take(&mut output);
        self.library.check(major, minor)?;
        Ok(wrapped)
    }

    /// The message that the other side has wrapped.
    ///
    /// # Errors
    /// When it is not whole, or is not the next.
    pub fn unwrap(&mut self, token: &[u8]) -> Result<Vec<u8>, GssapiError> {
        let (mut minor, mut output, input) = (0, Buffer::none(), Buffer::of(token));
        // SAFETY: as in `wrap`.
        let major = unsafe {
            (self.library.0.unwrap)(&mut minor, self.handle, &input, &mut output, ptr::null_mut(), ptr::null_mut())
        };
        let message = self.library.take(&mut output);
        self.library.check(major, minor)?;
        Ok(message)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the context is none, or one that this library made, and is not used after this.
        unsafe { (self.library.0.delete_sec_context)(&mut minor, &mut self.handle, ptr::null_mut()) };
    }
}

#[cfg(test)]
mod tests {
    use super::{MESSAGE_MAX, told};

    #[test]
    fn what_a_stranger_has_made_up_is_told_in_plain_characters() {
        assert_eq!(told("No key for a\nINFO b\u{1b}[2J@R"), "No key for a\\nINFO b\\u{1b}[2J@R");
        assert_eq!(told(&"x".repeat(100_000)).len(), MESSAGE_MAX);
    }
}
