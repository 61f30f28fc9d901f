#!/bin/sh
# Makes the stores of this directory anew. Takes keytool of Java 17 and OpenSSL 3 with its legacy provider.
# Everything in here is for tests: the keys are public, and trusted by nobody. The password is always "paddock-test".
set -eu
cd "$(dirname "$0")"
rm -f ./*.pem ./*.p12 ./*.jks ./*.der
export P=paddock-test
LONG=36500

# An authority, and one below it.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root-key.pem -out root.pem -days $LONG \
    -subj "/C=XX/O=Paddock tests/CN=Test root" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout middle-key.pem -out middle.csr \
    -subj "/C=XX/O=Paddock tests/CN=Test middle" 2>/dev/null
printf 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n' > middle.ext
openssl x509 -req -in middle.csr -CA root.pem -CAkey root-key.pem -out middle.pem -days $LONG -extfile middle.ext 2>/dev/null

# A server below the second.
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server-key.pem -out server.csr \
    -subj "/C=XX/O=Paddock tests/CN=zk1.example.org" 2>/dev/null
printf 'subjectAltName=DNS:zk1.example.org,DNS:*.wild.example.org,IP:127.0.0.1,IP:::1\n' > server.ext
openssl x509 -req -in server.csr -CA middle.pem -CAkey middle-key.pem -out server-own.pem -days $LONG \
    -extfile server.ext 2>/dev/null
cat server-own.pem middle.pem > server-chain.pem

# The same key in all kinds of PEM.
cat server-key.pem server-chain.pem > pkcs8.pem
{ openssl pkcs8 -topk8 -in server-key.pem -passout env:P -v2 aes-256-cbc -v2prf hmacWithSHA256; cat server-chain.pem; } > pkcs8-aes.pem
{ openssl pkcs8 -topk8 -in server-key.pem -passout env:P -v2 des3 -v2prf hmacWithSHA1; cat server-chain.pem; } > pkcs8-des3.pem
{ openssl pkcs8 -topk8 -in server-key.pem -passout env:P -v1 PBE-SHA1-3DES; cat server-chain.pem; } > pkcs8-pbe1.pem
{ openssl pkcs8 -topk8 -in server-key.pem -passout env:P -scrypt; cat server-chain.pem; } > pkcs8-scrypt.pem
{ openssl ec -in server-key.pem 2>/dev/null; cat server-chain.pem; } > sec1.pem
{ openssl ec -in server-key.pem -aes128 -passout env:P 2>/dev/null; cat server-chain.pem; } > sec1-encrypted.pem

# An RSA key, whose certificate is its own authority and says so, as openssl req -x509 makes it.
openssl req -x509 -newkey rsa:2048 -nodes -keyout rsa-key.pem -out rsa-own.pem -days $LONG -subj "/CN=localhost" 2>/dev/null
{ openssl rsa -in rsa-key.pem -traditional 2>/dev/null; cat rsa-own.pem; } > pkcs1.pem

# The stores of OpenSSL, as version 3 and as version 1 wrote them.
openssl pkcs12 -export -inkey server-key.pem -in server-own.pem -certfile middle.pem -out openssl3.p12 -passout env:P
openssl pkcs12 -export -legacy -inkey server-key.pem -in server-own.pem -certfile middle.pem -out openssl1.p12 -passout env:P
openssl pkcs12 -export -inkey server-key.pem -in server-own.pem -nomac -out openssl-nomac.p12 -passout env:P
python3 pbmac1.py
openssl pkcs12 -export -nokeys -in root.pem -out openssl-unmarked.p12 -passout env:P
openssl pkcs12 -export -inkey server-key.pem -in server-own.pem -certfile middle.pem -out empty-password.p12 -passout pass:

# The stores of Java: as versions from 9, as 8 wrote PKCS12, and JKS.
keytool -importkeystore -noprompt -srckeystore openssl3.p12 -srcstorepass $P -deststorepass $P \
    -destkeystore java17.p12 -deststoretype PKCS12 2>/dev/null
keytool -J-Dkeystore.pkcs12.legacy -importkeystore -noprompt -srckeystore openssl3.p12 -srcstorepass $P -deststorepass $P \
    -destkeystore java8.p12 -deststoretype PKCS12 2>/dev/null
keytool -importkeystore -noprompt -srckeystore openssl3.p12 -srcstorepass $P -deststorepass $P -destkeypass $P \
    -destkeystore java.jks -deststoretype JKS 2>/dev/null
keytool -importcert -noprompt -alias root -file root.pem -keystore trust17.p12 -storetype PKCS12 -storepass $P 2>/dev/null
keytool -J-Dkeystore.pkcs12.legacy -importcert -noprompt -alias root -file root.pem -keystore trust8.p12 \
    -storetype PKCS12 -storepass $P 2>/dev/null
keytool -importcert -noprompt -alias root -file root.pem -keystore trust.jks -storetype JKS -storepass $P 2>/dev/null
keytool -importkeystore -noprompt -srckeystore java.jks -srcstorepass $P -srcalias 1 -srckeypass $P -deststorepass $P \
    -destkeypass another-test -destkeystore own-password.jks -deststoretype JKS 2>/dev/null
keytool -importkeystore -noprompt -srckeystore openssl3.p12 -srcstorepass $P -deststorepass $P -destkeypass $P \
    -destkeystore java-ce.jks -deststoretype JCEKS 2>/dev/null
# Two keys of different kinds in one store.
openssl pkcs12 -export -inkey rsa-key.pem -in rsa-own.pem -name rsa -out two-keys.p12 -passout env:P
keytool -importkeystore -noprompt -srckeystore openssl3.p12 -srcstorepass $P -deststorepass $P -srcalias 1 -destalias ec \
    -destkeystore two-keys.p12 -deststoretype PKCS12 2>/dev/null
# What keytool makes by itself, which is no authority and says nothing of it.
keytool -genkeypair -alias own -keyalg EC -groupname secp256r1 -dname "CN=localhost, O=Paddock tests" -validity $LONG \
    -keystore self-signed.p12 -storetype PKCS12 -storepass $P 2>/dev/null
keytool -exportcert -rfc -alias own -keystore self-signed.p12 -storepass $P > self-signed.pem 2>/dev/null
# A kind of key that nobody can use.
keytool -genkeypair -alias own -keyalg DSA -keysize 2048 -dname "CN=dsa" -validity $LONG -keystore dsa.p12 \
    -storetype PKCS12 -storepass $P 2>/dev/null

rm -f ./*.csr ./*.ext
