package runbooks_test

import (
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// issuedCert is a Certificate for a host that has this much of its life behind it and before it. It renews after two thirds.
func issuedCert(name, host string, ago, left time.Duration) map[string]any {
	begin, end := noon.Add(-ago), noon.Add(left)
	c := certificate(name, "ClusterIssuer", "letsencrypt", host).Object
	c["metadata"] = map[string]any{"name": name, "namespace": "production", "uid": name, "creationTimestamp": begin.Format(time.RFC3339)}
	c["status"] = map[string]any{
		"notBefore":   begin.Format(time.RFC3339),
		"notAfter":    end.Format(time.RFC3339),
		"renewalTime": begin.Add(end.Sub(begin) * 2 / 3).Format(time.RFC3339),
		"conditions": []any{
			map[string]any{"type": "Ready", "status": "True", "reason": "Ready", "lastTransitionTime": begin.Format(time.RFC3339)},
		},
	}
	return c
}

// failingCert was never issued: its challenge cannot be answered.
func failingCert() (cert map[string]any, chain map[string][]any) {
	const name, host = "api-tls", "api.example.com"
	began := noon.Add(-3 * time.Hour).Format(time.RFC3339)
	owned := func(kind, version, of, ofKind string, more map[string]any) map[string]any {
		o := map[string]any{"apiVersion": version, "kind": kind, "metadata": map[string]any{
			"name": name + "-1", "namespace": "production", "creationTimestamp": began,
			"ownerReferences": []any{map[string]any{"apiVersion": "v1", "kind": ofKind, "name": of, "uid": "u"}},
		}}
		maps.Copy(o, more)
		return o
	}
	cert = certificate(name, "ClusterIssuer", "letsencrypt", host).Object
	cert["metadata"] = map[string]any{"name": name, "namespace": "production", "uid": name, "creationTimestamp": began}
	cert["status"] = map[string]any{
		"lastFailureTime":        began,
		"failedIssuanceAttempts": int64(2),
		"conditions": []any{
			map[string]any{
				"type":               "Ready",
				"status":             "False",
				"reason":             "DoesNotExist",
				"message":            "Issuing certificate",
				"lastTransitionTime": began,
			},
		},
	}
	return cert, map[string][]any{
		"CertificateRequestList": {owned("CertificateRequest", "cert-manager.io/v1", name, "Certificate", nil)},
		"OrderList": {
			owned("Order", "acme.cert-manager.io/v1", name+"-1", "CertificateRequest", map[string]any{"status": map[string]any{"state": "pending"}}),
		},
		"ChallengeList": {owned("Challenge", "acme.cert-manager.io/v1", name+"-1", "Order", map[string]any{
			"spec":   map[string]any{"dnsName": host, "type": "HTTP-01"},
			"status": map[string]any{"state": "pending", "reason": "wrong status code '404', expected '200'", "processing": true},
		})},
	}
}

func TestCertificatesAreToldByRiskAndNotByDays(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	s := listed{lists: map[string][]any{"CertificateList": {
		issuedCert("long", "long.example.com", 30*day, 60*day),
		issuedCert("short", "short.example.com", 2*time.Hour, 4*time.Hour), // hours are its whole life
		issuedCert("late", "late.example.com", 80*day, 10*day),
	}}}
	require.Equal(t, []string{
		"1 of 3 certificates in production not well; first late: renewal overdue",
		"certificate | state | time left | life used | renews | issuer",
		"late | renewal overdue | 10 days | ▓▓▓▓▓▓▓▓▓░ 89 % | due for 20 days | letsencrypt (ClusterIssuer)",
		"long | ready | 60 days | ▓▓▓░░░░░░░ 33 % | in 30 days | letsencrypt (ClusterIssuer)",
		"short | ready | 4 h | ▓▓▓░░░░░░░ 33 % | in 2 h | letsencrypt (ClusterIssuer)",
		"late: Certificate late should have been renewed 2026-11-02 12:00 UTC.",
		"/algesta cert check late production tells more.",
	}, tells(t, s, regarding("certs", "")))
	healthy := listed{lists: map[string][]any{"CertificateList": {issuedCert("short", "short.example.com", 2*time.Hour, 4*time.Hour)}}}
	require.Equal(
		t,
		"1 certificate in production: no problems",
		tells(t, healthy, regarding("certs", ""))[0],
		"29 days and fewer are no alarm by themselves",
	)
}

func TestOnlyTheBlockingLinkOfACertificateIsTold(t *testing.T) {
	t.Parallel()
	cert, chain := failingCert()
	s := listed{lists: chain}
	s.lists["CertificateList"] = []any{issuedCert("other", "other.example.com", time.Hour, 10*time.Hour), cert}
	for _, object := range []string{"certificate/api-tls", "host/api.example.com"} {
		require.Equal(t, []string{
			"api-tls in production is not ready",
			"The challenge for api.example.com cannot be answered: wrong status code '404', expected '200'.",
			"hosts: api.example.com",
			"issuer: letsencrypt (ClusterIssuer)",
			"failed: 2 tries; the next is due",
			"Secret: api-tls (its name; I don't read it)",
			"Next: Make http://api.example.com/.well-known/acme-challenge/ reach the cluster: DNS, firewall, redirects. kubectl describe " +
				"challenge api-tls-1 -n production",
		}, tells(t, s, regarding("cert check", object)))
	}
	require.Equal(t, tells(t, s, regarding("cert check", "certificate/api-tls")), tells(t, s, regarding("certs", "certificate/api-tls")))
	require.Equal(
		t,
		"other in production is ready, 10 h left; it renews itself in 6 h",
		tells(t, s, regarding("cert check", "host/other.example.com"))[0],
	)

	_, err := ask(t, s, regarding("cert check", "host/nobody.example.com"))
	require.ErrorIs(t, err, algesta.ErrNotFound)
	require.ErrorContains(t, err, "There's no Certificate for nobody.example.com in production.")
}

func TestWhatOfACertificateCouldNotBeReadIsNeverMissing(t *testing.T) {
	t.Parallel()
	cert, chain := failingCert()
	for kind, resource := range map[string]string{
		"CertificateRequestList": "certificaterequests", "OrderList": "orders", "ChallengeList": "challenges", "IssuerList": "issuers",
		"ClusterIssuerList": "clusterissuers",
	} {
		s := listed{lists: chain, instead: map[string]error{kind: forbidden(resource)}}
		s.lists["CertificateList"] = []any{cert}
		lines := tells(t, s, regarding("cert check", "certificate/api-tls"))
		require.Contains(t, lines, "Couldn't check "+resource+": I don't have permission to read "+resource+".")
		require.NotContains(t, lines[1], "does not exist")
	}
	refused := listed{instead: map[string]error{"CertificateList": forbidden("certificates")}}
	require.Equal(
		t,
		[]string{"I couldn't check the certificates in production.", "I don't have permission to read certificates."},
		tells(t, refused, regarding("certs", "")),
	)
	absent := listed{instead: map[string]error{"CertificateList": errNotInstalled}}
	for _, book := range []string{"certs", "cert check"} {
		require.Equal(
			t,
			[]string{"cert-manager isn't installed in this cluster, so it has no Certificates."},
			tells(t, absent, regarding(book, "certificate/x")),
		)
	}
	require.Equal(t, []string{"There are no Certificates in production."}, tells(t, listed{}, regarding("certs", "")))
}
