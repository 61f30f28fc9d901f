import java.io.ByteArrayInputStream;
import java.nio.file.*;
import java.security.KeyStore;
import java.security.cert.*;
import java.util.*;
import java.util.stream.Collectors;
import javax.net.ssl.*;

/** Prints what the trust manager that ZooKeeper makes says of each chain of this directory, as a client's and as a server's. */
public class Chains {
    public static void main(String[] args) throws Exception {
        try (var files = Files.list(Path.of("."))) {
            for (Path file : files.filter(f -> f.toString().endsWith(".pem")).sorted().collect(Collectors.toList())) {
                String[] parts = Files.readString(file).split("# trusted\n");
                X509Certificate[] chain = read(parts[0]).toArray(new X509Certificate[0]);
                KeyStore store = KeyStore.getInstance("JKS");
                store.load(null, null);
                int number = 0;
                for (X509Certificate certificate : read(parts[1])) {
                    store.setCertificateEntry("c" + number++, certificate);
                }
                PKIXBuilderParameters parameters = new PKIXBuilderParameters(store, new X509CertSelector());
                parameters.setRevocationEnabled(false);
                TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX");
                factory.init(new CertPathTrustManagerParameters(parameters));
                X509ExtendedTrustManager manager = (X509ExtendedTrustManager) factory.getTrustManagers()[0];
                SSLEngine engine = SSLContext.getDefault().createSSLEngine();
                String name = file.getFileName().toString().replace(".pem", "");
                System.out.println(name + " " + verdict(() -> manager.checkClientTrusted(chain, "EC"))
                        + " " + verdict(() -> manager.checkServerTrusted(chain, "ECDHE_ECDSA")));
            }
        }
    }

    interface Check { void run() throws CertificateException; }

    static String verdict(Check check) {
        try {
            check.run();
            return "good";
        } catch (CertificateException e) {
            if (System.getenv("WHY") != null) System.err.println(e);
            return "bad";
        }
    }

    static List<X509Certificate> read(String text) throws Exception {
        List<X509Certificate> list = new ArrayList<>();
        for (Certificate c : CertificateFactory.getInstance("X.509").generateCertificates(new ByteArrayInputStream(text.getBytes()))) {
            list.add((X509Certificate) c);
        }
        return list;
    }
}
