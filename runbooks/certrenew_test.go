package runbooks_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/runbooks"
)

var _ = isAbout("cert renew", otherThing{
	object: "certificate/api-tls",
	still: func(t *testing.T) runbooks.Reader {
		t.Helper()
		return renewable(t, "https://ca.example.com/directory")
	},
})

// renewable is production with the certificate api-tls, issued once by an ACME server with this address, of serial 0xC0FFEE01.
func renewable(t *testing.T, server string) listed {
	t.Helper()
	const day = 24 * time.Hour
	cert := issuedCert("api-tls", "api.example.com", 30*day, 60*day)
	status(cert)["revision"] = 1
	clusterIssuer := issuer("ClusterIssuer", "letsencrypt", acme("account", server, "nginx")).Object
	return listed{lists: map[string][]any{
		"CertificateList": {cert}, "ClusterIssuerList": {clusterIssuer},
		"CertificateRequestList": {requestOf(t, 1, 0xC0FFEE01, noon.Add(60*day))},
	}}
}

func status(o map[string]any) map[string]any { return o["status"].(map[string]any) }

// requestOf is the CertificateRequest of one revision of api-tls, with what was issued.
func requestOf(t *testing.T, revision int, serial int64, until time.Time) map[string]any {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: noon, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, &key.PublicKey, key)
	require.NoError(t, err)
	o := custom("CertificateRequest", "api-tls-"+string(rune('0'+revision)), nil)
	o.SetNamespace("production")
	o.SetAnnotations(
		map[string]string{"cert-manager.io/certificate-name": "api-tls", "cert-manager.io/certificate-revision": string(rune('0' + revision))},
	)
	o.Object["status"] = map[string]any{"certificate": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
	return o.Object
}

func planRenewal(t *testing.T, s listed) (algesta.Plan, error) {
	t.Helper()
	book, ok := runbooks.Find("cert renew")
	require.True(t, ok)
	return book.Plan(t.Context(), whole(s), regarding("cert renew", "certificate/api-tls"))
}

func TestARenewalAsksCertManagerAndDeletesNothing(t *testing.T) {
	t.Parallel()
	p, err := planRenewal(t, renewable(t, "https://acme-v02.api.letsencrypt.org/directory"))
	require.NoError(t, err)
	require.Equal(t, "Renew certificate api-tls (60 days left)", p.Summary.String())
	require.Equal(t, []string{
		"It doesn't need to be renewed: it's still valid for 60 days and renews itself in 30 days.",
		"A renewal is a new order. Let's Encrypt issues at most 5 certificates for exactly these hosts in 7 days; after that there is none " +
			"until the limit is over.",
	}, words(p.Warnings))
	require.Contains(t, p.Facts, algesta.Field{Label: "serial", Value: algesta.Say("{} now", "C0FFEE01")})
	require.Nil(t, p.Undo, "there is no way back to the old certificate")
	require.Len(t, p.Changes, 1)
	change := p.Changes[0]
	require.Equal(t, "patch certificates.cert-manager.io/status", change.Right())
	require.Equal(
		t,
		algesta.Swap{Label: "revision", Path: "/status/revision", From: json.RawMessage("1"), To: json.RawMessage("1")},
		change.Swaps[0],
	)
	require.Equal(t, "/status/conditions/-", change.Swaps[1].Path)
	require.JSONEq(t, `{"type":"Issuing","status":"True","reason":"ManuallyTriggered","message":"Renewal asked for by Dana (c-7f3a9k)",
		"lastTransitionTime":"2026-11-22T12:00:00Z","observedGeneration":0}`, string(change.Swaps[1].To))
}

func TestARenewalAfterAFailedTryTakesThePlaceOfItsCondition(t *testing.T) {
	t.Parallel()
	s := renewable(t, "https://ca.example.com/directory")
	cert := s.lists["CertificateList"][0].(map[string]any)
	failed := map[string]any{"type": "Issuing", "status": "False", "reason": "Failed", "message": "The order failed."}
	status(cert)["conditions"] = append(status(cert)["conditions"].([]any), failed)
	status(cert)["lastFailureTime"], status(cert)["failedIssuanceAttempts"] = noon.Add(-10*time.Minute).Format(time.RFC3339), 2
	p, err := planRenewal(t, s)
	require.NoError(t, err)
	require.Equal(t, []string{
		"It doesn't need to be renewed: it's still valid for 60 days and renews itself in 30 days.",
		"2 tries failed, and cert-manager tries again 2026-11-22 13:50 UTC (in 110 min) on its own. Asking for it now doesn't " +
			"make the pauses between its tries shorter.",
		"A renewal is a new order, and counts against the limits of ca.example.com.",
	}, words(p.Warnings))
	require.Equal(t, "/status/conditions/1", p.Changes[0].Swaps[1].Path)
	require.JSONEq(
		t,
		`{"type":"Issuing","status":"False","reason":"Failed","message":"The order failed."}`,
		string(p.Changes[0].Swaps[1].From),
	)
}

func TestARenewalThatCannotHelpIsRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change  func(s listed, cert map[string]any)
		message string
	}{
		"its issuer is gone": {
			func(s listed, _ map[string]any) { s.lists["ClusterIssuerList"] = []any{} },
			"ClusterIssuer letsencrypt doesn't exist, so nothing can issue api-tls.",
		},
		"cert-manager has not looked at it": {
			func(_ listed, cert map[string]any) { delete(cert, "status") }, "cert-manager hasn't looked at api-tls yet, so there is nothing to " +
				"renew.",
		},
		"it is gone": {
			func(s listed, _ map[string]any) { s.lists["CertificateList"] = []any{} }, "There's no Certificate api-tls in production.",
		},
		"its authority limits its orders": {
			func(s listed, cert map[string]any) {
				began := noon.Add(-time.Hour).Format(time.RFC3339)
				status(cert)["conditions"] = []any{
					map[string]any{"type": "Ready", "status": "False", "reason": "DoesNotExist", "lastTransitionTime": began},
				}
				_, chain := failingCert()
				order := chain["OrderList"][0].(map[string]any)
				order["status"] = map[string]any{"state": "errored", "reason": "429 urn:ietf:params:acme:error:rateLimited: too many certificates"}
				s.lists["CertificateRequestList"], s.lists["OrderList"] = chain["CertificateRequestList"], chain["OrderList"]
			},
			"The certificate authority limits orders for Certificate api-tls. Renewing it now would fail, and count against the limit, too.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := renewable(t, "https://acme-v02.api.letsencrypt.org/directory")
			tt.change(s, s.lists["CertificateList"][0].(map[string]any))
			_, err := planRenewal(t, s)
			require.ErrorContains(t, err, tt.message)
		})
	}
}

func TestARenewalUnderWayIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	s := renewable(t, "https://ca.example.com/directory")
	cert := s.lists["CertificateList"][0].(map[string]any)
	status(cert)["conditions"] = append(
		status(cert)["conditions"].([]any),
		map[string]any{"type": "Issuing", "status": "True", "reason": "Renewing"},
	)
	p, err := planRenewal(t, s)
	require.NoError(t, err)
	require.Equal(t, "api-tls in production is being issued already.", p.Nothing.String())
	require.Empty(t, p.Changes)
}

func TestARenewalWithoutRightsSaysWhatItCouldNotCheck(t *testing.T) {
	t.Parallel()
	s := renewable(t, "https://ca.example.com/directory")
	s.instead = map[string]error{"ClusterIssuerList": forbidden("clusterissuers"), "CertificateRequestList": forbidden("certificaterequests")}
	p, err := planRenewal(t, s)
	require.NoError(t, err)
	require.Contains(t, words(p.Warnings), "Couldn't check ClusterIssuer letsencrypt: I don't have permission to read clusterissuers.")
	s.instead = map[string]error{"CertificateList": forbidden("certificates")}
	_, err = planRenewal(t, s)
	require.ErrorIs(t, err, algesta.ErrForbidden)
}

// TestARenewalEndsWithTheCertificateInItsSecret looks at each step of cert-manager.
func TestARenewalEndsWithTheCertificateInItsSecret(t *testing.T) {
	t.Parallel()
	book, _ := runbooks.Find("cert renew")
	s := renewable(t, "https://ca.example.com/directory")
	cert := s.lists["CertificateList"][0].(map[string]any)
	p, err := planRenewal(t, s)
	require.NoError(t, err)
	object := p.Changes[0].Object
	f := rollout.Follow{StartedAt: noon}
	f.Before, err = book.Ends.Before(t.Context(), whole(s), object, noon)
	require.NoError(t, err)
	look := func() rollout.Progress {
		var p rollout.Progress
		p, f, err = book.Ends.Poll(t.Context(), whole(s), object, f, noon.Add(time.Second))
		require.NoError(t, err)
		return p
	}
	stands := status(cert)["conditions"].([]any)
	issuing := func(state, reason, message string) {
		status(cert)["conditions"] = append(
			stands[:1:1],
			map[string]any{"type": "Issuing", "status": state, "reason": reason, "message": message},
		)
	}
	issuing("True", "ManuallyTriggered", "")
	require.Equal(t, "cert-manager is issuing it", look().Line.String())

	_, chain := failingCert()
	kept := s.lists["CertificateRequestList"]
	for _, kind := range []string{"CertificateRequestList", "OrderList", "ChallengeList"} {
		s.lists[kind] = chain[kind]
	}
	waits := look()
	require.Equal(t, rollout.Moving, waits.Phase)
	require.Equal(
		t,
		"Waiting: The challenge for api.example.com cannot be answered: wrong status code '404', expected '200'.",
		waits.Line.String(),
	)
	s.lists["CertificateRequestList"], s.lists["OrderList"], s.lists["ChallengeList"] = kept, nil, nil

	issuing("False", "Denied", "The host is not one of ours")
	failed := look()
	require.Equal(t, rollout.Broken, failed.Phase)
	require.Equal(
		t,
		"cert-manager couldn't issue it: The host is not one of ours. The old certificate stays in use; it's valid until 2027-01-21 12:00 UTC.",
		failed.Why.String(),
	)

	status(cert)["conditions"] = stands
	require.Equal(t, rollout.Moving, look().Phase, "the revision is the old one")
	until := noon.Add(90 * 24 * time.Hour)
	status(cert)["revision"] = 2
	s.lists["CertificateRequestList"] = []any{requestOf(t, 2, 0xBADCAFE2, until)}
	require.Equal(t, rollout.Moving, look().Phase, "the Secret still has the old one")
	status(cert)["notAfter"] = until.Format(time.RFC3339)
	end := look()
	require.Equal(t, rollout.Settled, end.Phase)
	require.Equal(t, "The new certificate is in its Secret, valid until 2027-02-20 12:00 UTC (before: 2027-01-21 12:00 UTC). "+
		"Its serial ends in BADCAFE2; the old one's in C0FFEE01.", end.Result.String())

	s.instead = map[string]error{"CertificateRequestList": forbidden("certificaterequests")}
	require.Contains(t, look().Result.String(), "Couldn't check its serial.")
	s.lists["CertificateList"] = []any{}
	require.Equal(t, rollout.Gone, look().Phase)
}
