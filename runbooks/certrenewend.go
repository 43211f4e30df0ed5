package runbooks

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/rollout"
)

// issued is the certificate that cert-manager issued for a Certificate. Nothing of it comes from a Secret: a CertificateRequest keeps
// what was issued, which is no secret.
type issued struct {
	Revision int64     `json:"revision"`         // how often one was issued; 0 for never
	Serial   string    `json:"serial,omitempty"` // as openssl prints it; "" where its request isn't kept, or can't be read
	From     time.Time `json:"from,omitzero"`    // notBefore and notAfter, as cert-manager read them from the Secret
	Until    time.Time `json:"until,omitzero"`

	promised time.Time // notAfter in the CertificateRequest: the Secret has it, too, a moment later
}

// readIssued reads what was issued last for a Certificate.
func readIssued(ctx context.Context, c Cluster, cert *unstructured.Unstructured) (issued, error) {
	seen := readCertificate(cert)
	out := issued{Revision: revisionOf(cert), From: seen.notBefore, Until: seen.notAfter}
	requests := customList(certManagerGroup, "v1", "CertificateRequest")
	if err := c.List(ctx, cert.GetNamespace(), "", requests); err != nil {
		return out, fmt.Errorf("reading the requests for %s: %w", cert.GetName(), err)
	}
	for i := range requests.Items {
		request := &requests.Items[i]
		of := request.GetAnnotations()
		if of["cert-manager.io/certificate-name"] != cert.GetName() ||
			of["cert-manager.io/certificate-revision"] != strconv.FormatInt(out.Revision, 10) {
			continue
		}
		leaf, err := leafOf(facts.Text(request, "status", "certificate"))
		if err != nil {
			return out, fmt.Errorf("reading what %s holds: %w", request.GetName(), err)
		}
		out.Serial, out.promised = fmt.Sprintf("%X", leaf.SerialNumber), leaf.NotAfter
	}
	return out, nil
}

// leafOf is the first certificate of a chain in PEM, as an object has bytes.
func leafOf(encoded string) (*x509.Certificate, error) {
	chain, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("decoding a certificate: %w", err)
	}
	block, _ := pem.Decode(chain)
	if block == nil {
		return nil, errors.New("it has no certificate")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parsing a certificate: %w", err)
	}
	return leaf, nil
}

// issuedBefore notes what a renewal starts from.
func issuedBefore(ctx context.Context, c Cluster, object algesta.Object) (string, error) {
	cert, err := readOne(ctx, c, object.Group, "v1", object.Kind, object.Namespace, object.Name)
	if err != nil {
		return "", err
	}
	now, err := readIssued(ctx, c, cert)
	if err != nil && now.Revision == 0 { // with it and the dates the end can be recognized without a serial
		return "", err
	}
	b, err := json.Marshal(now)
	if err != nil {
		return "", fmt.Errorf("noting what %s holds: %w", object.Name, err)
	}
	return string(b), nil
}

// pollRenewal checks whether cert-manager has issued another certificate and put it into the Secret, or why it can't.
func pollRenewal(ctx context.Context, c Cluster, object algesta.Object, was string) (Polled, error) {
	cert, err := readOne(ctx, c, object.Group, "v1", object.Kind, object.Namespace, object.Name)
	switch {
	case errors.Is(err, algesta.ErrNotFound):
		return Polled{Phase: rollout.Gone, Said: algesta.Say("{} was deleted.", algesta.Name(object.Name))}, nil
	case err != nil:
		return Polled{}, err
	}
	before, known := issued{}, false
	if was != "" {
		known = json.Unmarshal([]byte(was), &before) == nil
	}
	_, issuing := conditionOf(cert, "Issuing")
	_, ready := conditionOf(cert, "Ready")
	reason, _ := issuing["reason"].(string)
	switch {
	case issuing["status"] == "False" && reason != "Issued":
		return notIssued(ctx, c, object, cert, issuing)
	case issuing["status"] == "True":
		return beingIssued(ctx, c, object, cert)
	}
	now, unread := readIssued(ctx, c, cert)
	if unread != nil && !errors.Is(unread, algesta.ErrForbidden) {
		return Polled{}, unread
	}
	fresh := !known || now.Revision > before.Revision
	inSecret := now.promised.IsZero() || now.promised.Equal(now.Until) // the Certificate's dates are read from the Secret
	if !fresh || !inSecret || ready["status"] != "True" {
		return Polled{Phase: rollout.Moving, Said: algesta.Say("cert-manager is putting the new certificate into its Secret")}, nil
	}
	return Polled{Phase: rollout.Settled, Said: now.since(before, known)}, nil
}

// since compares what is issued now with what was before.
func (i issued) since(before issued, known bool) algesta.Text {
	until := i.Until.UTC().Format("2006-01-02 15:04 MST")
	out := algesta.Say("The new certificate is in its Secret, valid until {}", until)
	switch {
	case known && !before.Until.IsZero():
		out = algesta.Say("{} (before: {})", out, before.Until.UTC().Format("2006-01-02 15:04 MST"))
	case !known:
		out = algesta.Say("{} (what was there before couldn't be read)", out)
	}
	switch {
	case i.Serial == "":
		return algesta.Say("{}. Couldn't check its serial.", out)
	case before.Serial == "":
		return algesta.Say("{}. Its serial ends in {}.", out, lastDigits(i.Serial))
	}
	return algesta.Say("{}. Its serial ends in {}; the old one's in {}.", out, lastDigits(i.Serial), lastDigits(before.Serial))
}

// lastDigits are enough of a serial to distinguish two.
func lastDigits(serial string) string { return serial[max(0, len(serial)-8):] }

// beingIssued says what cert-manager waits for.
func beingIssued(ctx context.Context, c Cluster, object algesta.Object, cert *unstructured.Unstructured) (Polled, error) {
	out := Polled{Phase: rollout.Moving, Said: algesta.Say("cert-manager is issuing it")}
	if cause := blockerOf(ctx, c, object, cert); cause != "" {
		out.Said = algesta.Say("Waiting: {}", cause)
	}
	return out, nil
}

// notIssued is the end of a renewal that failed: why, and what users get meanwhile.
func notIssued(
	ctx context.Context, c Cluster, object algesta.Object, cert *unstructured.Unstructured, issuing map[string]any,
) (Polled, error) {
	said, _ := issuing["message"].(string)
	why := quote(strings.TrimPrefix(said, "The certificate request has failed to complete and will be retried: "))
	if why == "" {
		why = orElse(blockerOf(ctx, c, object, cert), "it doesn't say why")
	}
	out := algesta.Say("cert-manager couldn't issue it: {}", strings.TrimSuffix(why, ".")+".")
	if until := readCertificate(cert).notAfter; !until.IsZero() {
		out = out.Then("The old certificate stays in use; it's valid until {}.", until.UTC().Format("2006-01-02 15:04 MST"))
	}
	return Polled{Phase: rollout.Broken, Said: out}, nil
}

// blockerOf is the link that holds up a certificate which is being issued, in a sentence; "" if nothing is known to.
func blockerOf(ctx context.Context, c Cluster, object algesta.Object, cert *unstructured.Unstructured) string {
	now := time.Now()
	// The old one may be valid for a long time: what counts is the one that is asked for, and that isn't there.
	wanted := cert.DeepCopy()
	_, issuing := conditionOf(wanted, "Issuing")
	unstructured.RemoveNestedField(wanted.Object, "status", "notAfter")
	if err := unstructured.SetNestedSlice(wanted.Object, []any{map[string]any{
		"type": "Ready", "status": "False", "reason": "DoesNotExist", "lastTransitionTime": issuing["lastTransitionTime"],
	}}, "status", "conditions"); err != nil {
		return ""
	}
	found := []certificate{readCertificate(wanted)}
	all := customList(certManagerGroup, "v1", certificateKind)
	all.Items = []unstructured.Unstructured{*wanted}
	in := Input{Command: algesta.Command{At: now, Target: algesta.Target{Namespace: object.Namespace, Environment: object.Namespace}}}
	explainCertificates(ctx, &reads{c: c}, in, all, found)
	if found[0].cause == nil || found[0].cause.Rule == "certificate-not-ready" { // which is known
		return ""
	}
	return found[0].cause.Cause
}
