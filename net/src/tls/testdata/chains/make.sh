#!/bin/sh
# Makes the chains of this directory anew with OpenSSL 3. Each file holds a chain as a peer sends it, the line "# trusted", and what a trust store holds.
# What Java 17 says of each is in expected.txt, which `java Chains.java > expected.txt` made. No key is kept.
set -eu
cd "$(dirname "$0")"
OUT=$PWD
rm -f ./*.pem ./*.crl
W=$(mktemp -d)
cd "$W"
LONG=36500
key() { openssl ecparam -name "${2:-prime256v1}" -genkey -noout -out "$1.key" 2>/dev/null; }
rsa() { openssl genrsa -out "$1.key" "$2" 2>/dev/null; }
# self NAME SUBJECT EXTENSIONS [MORE]
self() { n=$1; s=$2; e=$3; shift 3; [ -f "$n.key" ] || key "$n"
    printf '[req]\ndistinguished_name=dn\n[dn]\n[e]\n%b' "$e" > "$n.cnf"
    openssl req -x509 -new -key "$n.key" -subj "$s" -config "$n.cnf" -extensions e -days $LONG -out "$n.crt" "$@" 2>/dev/null; }
# signed NAME SUBJECT ISSUER EXTENSIONS [MORE]; without extensions it is of version 1
signed() { n=$1; s=$2; i=$3; e=$4; shift 4; [ -f "$n.key" ] || key "$n"
    openssl req -new -key "$n.key" -subj "$s" -out "$n.csr" 2>/dev/null
    if [ -n "$e" ]; then printf '%b' "$e" > "$n.ext"; set -- -extfile "$n.ext" "$@"; fi
    case " $* " in *" -days "*|*" -not_after "*) ;; *) set -- -days $LONG "$@" ;; esac
    openssl x509 -req -in "$n.csr" -CA "$i.crt" -CAkey "$i.key" -out "$n.crt" "$@" 2>/dev/null; }
# past NAME SUBJECT ISSUER EXTENSIONS: was valid in 2001
past() { n=$1; key "$n"; openssl req -new -key "$n.key" -subj "$2" -out "$n.csr" 2>/dev/null
    rm -rf ca; mkdir ca; : > ca/index; echo 01 > ca/serial; printf '%b' "$4" > "$n.ext"
    printf '[ca]\ndefault_ca=d\n[d]\ndatabase=ca/index\nserial=ca/serial\nnew_certs_dir=ca\ndefault_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n' > ca.cnf
    if [ "$3" = self ]; then set -- "$@" -selfsign; k=$n; else k=$3; fi
    shift 4
    openssl ca -batch -notext -config ca.cnf -in "$n.csr" -cert "$k.crt" -keyfile "$k.key" -startdate 20010101000000Z \
        -enddate 20010201000000Z -extfile "$n.ext" -out "$n.crt" "$@" 2>/dev/null; }
# file NAME CHAIN... -- TRUSTED...
file() { f="$OUT/$1.pem"; shift; : > "$f"
    while [ "$1" != -- ]; do cat "$1.crt" >> "$f"; shift; done; shift
    echo "# trusted" >> "$f"; for t in "$@"; do cat "$t.crt" >> "$f"; done; }

CA='basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n'
LEAF='basicConstraints=CA:FALSE\nsubjectAltName=DNS:zk1.example.org\n'
self root "/CN=Root" "$CA"
signed middle "/CN=Middle" root "$CA"
signed lower "/CN=Lower" middle "$CA"
signed leaf "/CN=leaf" root "$LEAF"
signed deep "/CN=deep" lower "$LEAF"
file plain leaf -- root
file deep deep lower middle -- root
file deep-disordered deep middle lower -- root
file deep-with-root deep lower middle root -- root
file deep-with-gap deep middle -- root
file deep-middle-trusted deep lower -- middle
file deep-lower-trusted deep -- lower
file deep-unneeded deep lower middle leaf -- lower
self other "/CN=Root" "$CA"
file same-name-other-key leaf -- other
file two-of-one-name leaf -- other root
file unknown leaf -- middle
signed old "/CN=old" root ""
file version-1 old -- root
openssl req -new -key root.key -subj /CN=Old -out oldroot.csr 2>/dev/null; cp root.key oldroot.key
openssl x509 -req -in oldroot.csr -signkey oldroot.key -days $LONG -out oldroot.crt 2>/dev/null
signed byold "/CN=byold" oldroot "$LEAF"
file version-1-root byold -- oldroot
signed oldmiddle "/CN=Old middle" root ""
signed byoldmiddle "/CN=byoldmiddle" oldmiddle "$LEAF"
file version-1-middle byoldmiddle oldmiddle -- root
file version-1-middle-trusted byoldmiddle -- oldmiddle

self selfca "/CN=localhost" 'basicConstraints=critical,CA:TRUE\n'
self selfleaf "/CN=localhost" 'subjectKeyIdentifier=hash\n'
file self-authority selfca -- selfca
file self-plain selfleaf -- selfleaf
file self-unknown selfleaf -- root
signed bycaleaf "/CN=x" selfleaf "$LEAF"
file by-no-authority bycaleaf -- selfleaf
file by-no-authority-sent bycaleaf selfleaf -- selfleaf
signed caleaf "/CN=caleaf" root "$CA"
file authority-as-peer caleaf -- root
signed casign "/CN=casign" root 'basicConstraints=critical,CA:TRUE\n'
file authority-that-signs-as-peer casign -- root
file authority-as-peer-trusted caleaf -- caleaf
file leaf-trusted leaf -- leaf
signed plainmiddle "/CN=Plain middle" root "$LEAF"
signed byplain "/CN=byplain" plainmiddle "$LEAF"
file middle-no-authority byplain plainmiddle -- root
signed nosign "/CN=Nosign" root 'basicConstraints=critical,CA:TRUE\nkeyUsage=digitalSignature\n'
signed bynosign "/CN=bynosign" nosign "$LEAF"
file middle-may-not-sign bynosign nosign -- root
file root-may-not-sign bynosign -- nosign
signed short "/CN=Short" root 'basicConstraints=critical,CA:TRUE,pathlen:0\n'
signed undershort "/CN=Under short" short "$CA"
signed byshort "/CN=byshort" short "$LEAF"
signed toodeep "/CN=toodeep" undershort "$LEAF"
file length-good byshort short -- root
file length-bad toodeep undershort short -- root
file length-bad-trusted toodeep undershort -- short

past expired "/CN=expired" root "$LEAF"
file expired expired -- root
file expired-trusted expired -- expired
past expiredmiddle "/CN=Expired middle" root "$CA"
signed byexpired "/CN=byexpired" expiredmiddle "$LEAF"
file expired-middle byexpired expiredmiddle -- root
file expired-middle-trusted byexpired -- expiredmiddle

signed forserver "/CN=s" root "${LEAF}extendedKeyUsage=serverAuth\n"
signed forclient "/CN=c" root "${LEAF}extendedKeyUsage=clientAuth\n"
signed forboth "/CN=b" root "${LEAF}extendedKeyUsage=clientAuth,serverAuth\n"
signed forany "/CN=a" root "${LEAF}extendedKeyUsage=anyExtendedKeyUsage\n"
signed forcode "/CN=d" root "${LEAF}extendedKeyUsage=codeSigning\n"
for n in forserver forclient forboth forany forcode; do file $n $n -- root; done
file forcode-trusted forcode -- forcode
signed keyagree "/CN=k" root "${LEAF}keyUsage=critical,keyAgreement\n"
file key-may-not-sign keyagree -- root
signed middleserver "/CN=Middle for servers" root "${CA}extendedKeyUsage=serverAuth\n"
signed bymiddleserver "/CN=x" middleserver "$LEAF"
file middle-forserver bymiddleserver middleserver -- root
signed critical "/CN=crit" root "${LEAF}1.2.3.4=critical,ASN1:UTF8:x\n"
file unknown-critical critical -- root
file unknown-critical-trusted critical -- critical
signed optional "/CN=opt" root "${LEAF}1.2.3.4=ASN1:UTF8:x\n"
file unknown-optional optional -- root
signed policy "/CN=pol" root "${LEAF}certificatePolicies=critical,1.2.3.4\n"
file policy-critical policy -- root

signed limited "/CN=Limited" root "${CA}nameConstraints=critical,permitted;DNS:example.org,permitted;IP:127.0.0.0/255.0.0.0\n"
signed lgood "/CN=good" limited 'subjectAltName=DNS:zk.example.org,IP:127.0.0.9\n'
signed lbad "/CN=bad" limited 'subjectAltName=DNS:zk.example.com\n'
signed lbadip "/CN=badip" limited 'subjectAltName=IP:10.0.0.1\n'
signed lpart "/CN=part" limited 'subjectAltName=DNS:zkexample.org\n'
for n in lgood lbad lbadip lpart; do file names-$n $n limited -- root; done
signed excl "/CN=Excluding" root "${CA}nameConstraints=excluded;DNS:bad.example.org\n"
signed egood "/CN=good" excl 'subjectAltName=DNS:zk.example.org\n'
signed ebad "/CN=bad" excl 'subjectAltName=DNS:zk.bad.example.org\n'
for n in egood ebad; do file names-$n $n excl -- root; done
printf 'nameConstraints=permitted;dirName:d\n[d]\nO=Paddock\n' > dn.tail
signed dlimited "/CN=Directories" root "${CA}$(cat dn.tail)"
signed dgood "/O=Paddock/CN=good" dlimited "$LEAF"
signed dbad "/O=Other/CN=bad" dlimited "$LEAF"
for n in dgood dbad; do file names-$n $n dlimited -- root; done

rsa rsaroot 2048; self rsaroot "/CN=RSA root" "$CA"
rsa rsaleaf 2048; signed rsaleaf "/CN=rsa" rsaroot "$LEAF"; file rsa rsaleaf -- rsaroot
rsa sha1 2048; signed sha1 "/CN=sha1" rsaroot "$LEAF" -sha1; file rsa-sha1 sha1 -- rsaroot
rsa sha512 3072; signed sha512 "/CN=sha512" rsaroot "$LEAF" -sha512; file rsa-sha512 sha512 -- rsaroot
rsa sha384 4096; signed sha384 "/CN=sha384" rsaroot "$LEAF" -sha384; file rsa-sha384 sha384 -- rsaroot
rsa md5 2048; signed md5 "/CN=md5" rsaroot "$LEAF" -md5; file rsa-md5 md5 -- rsaroot
rsa pss 2048; signed pss "/CN=pss" rsaroot "$LEAF" -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32; file rsa-pss pss -- rsaroot
rsa weakroot 1024; self weakroot "/CN=Weak root" "$CA"
signed byweak "/CN=byweak" weakroot "$LEAF"; file rsa-1024-root byweak -- weakroot
rsa weaker 512; openssl req -x509 -new -key weaker.key -subj "/CN=Weaker root" -days $LONG -sha1 -out weaker.crt -addext basicConstraints=critical,CA:TRUE 2>/dev/null
signed byweaker "/CN=byweaker" weaker "$LEAF" -sha1 && file rsa-512-root byweaker -- weaker
key p384 secp384r1; signed p384 "/CN=p384" root "$LEAF"; file ec-384 p384 -- root
key p384root secp384r1; self p384root "/CN=P384 root" "$CA" -sha384; signed by384 "/CN=by384" p384root "$LEAF" -sha384; file ec-384-root by384 -- p384root
openssl genpkey -algorithm ed25519 -out ed.key; self ed "/CN=Ed root" "$CA"; signed byed "/CN=byed" ed "$LEAF"; file ed25519 byed -- ed
cp "$OUT/plain.pem" "$OUT/tampered.pem"
# A letter of the subject is changed.
python3 - "$OUT/tampered.pem" <<'P'
import sys,base64,re
p=sys.argv[1]; s=open(p).read()
m=re.search(r'-----BEGIN CERTIFICATE-----\n(.*?)-----END',s,re.S)
d=bytearray(base64.b64decode(m.group(1))); i=d.find(b'leaf'); d[i]=ord('L')
open(p,'w').write(s[:m.start(1)]+base64.encodebytes(bytes(d)).decode()+s[m.end(1):])
P

# A list of the root, in which one certificate is, and an expired one.
signed revoked "/CN=revoked" root "$LEAF"
file revoked revoked -- root
rm -rf ca; mkdir ca; : > ca/index; echo 01 > ca/number
printf '[ca]\ndefault_ca=d\n[d]\ndatabase=ca/index\ncrlnumber=ca/number\ndefault_md=sha256\n' > ca.cnf
openssl ca -config ca.cnf -cert root.crt -keyfile root.key -revoke revoked.crt 2>/dev/null
openssl ca -config ca.cnf -cert root.crt -keyfile root.key -gencrl -crldays $LONG -out "$OUT/root.crl" 2>/dev/null
openssl ca -config ca.cnf -cert root.crt -keyfile root.key -gencrl -crlsec 1 -out "$OUT/expired.crl" 2>/dev/null
openssl ca -config ca.cnf -cert other.crt -keyfile other.key -gencrl -crldays $LONG -out "$OUT/other.crl" 2>/dev/null
rm -rf "$W"
