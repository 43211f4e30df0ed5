package supervisor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// validity is how long certificates last: longer than any sandbox runs, short enough to be useless if one is left behind.
const validity = 30 * 24 * time.Hour

// authority signs the certificates of one sandbox. Its key is never written to disk.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// newAuthority makes a CA of its own for this sandbox and writes its certificate to dir/ca.crt.
func newAuthority(dir string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the CA's key: %w", err)
	}
	template, err := certificateTemplate(pkix.Name{CommonName: "algesta-sandbox"})
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making the CA: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading the CA back: %w", err)
	}
	a := &authority{dir: dir, cert: cert, key: key, pem: encode("CERTIFICATE", der)}
	return a, os.WriteFile(a.file("ca.crt"), a.pem, 0o600)
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// pair is the files of a certificate and its key, and what is in them.
type pair struct {
	certFile, keyFile string
	cert, key         []byte
}

// issue signs a certificate that is good for serving on loopback and as a client, and writes name.crt and name.key.
func (a *authority) issue(name string, subject pkix.Name) (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, fmt.Errorf("making the key of %s: %w", name, err)
	}
	template, err := certificateTemplate(subject)
	if err != nil {
		return pair{}, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	template.DNSNames = []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 0, 0, 1)}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return pair{}, fmt.Errorf("signing the certificate of %s: %w", name, err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return pair{}, fmt.Errorf("encoding the key of %s: %w", name, err)
	}
	p := pair{
		certFile: a.file(name + ".crt"), keyFile: a.file(name + ".key"),
		cert: encode("CERTIFICATE", der), key: encode("PRIVATE KEY", keyDER),
	}
	if err := os.WriteFile(p.certFile, p.cert, 0o600); err != nil {
		return pair{}, fmt.Errorf("writing the certificate of %s: %w", name, err)
	}
	if err := os.WriteFile(p.keyFile, p.key, 0o600); err != nil {
		return pair{}, fmt.Errorf("writing the key of %s: %w", name, err)
	}
	return p, nil
}

func certificateTemplate(subject pkix.Name) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("choosing a serial number: %w", err)
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: subject,
		NotBefore: now.Add(-time.Minute), NotAfter: now.Add(validity),
	}, nil
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
