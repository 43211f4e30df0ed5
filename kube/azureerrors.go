package kube

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// entraName is who signs the bot in, but for the identity of a machine.
const entraName = "Microsoft Entra"

// The causes that have no number of Microsoft's.
const (
	noTokenFile    = "TOKEN_FILE"
	noSecretFile   = "SECRET_FILE"
	noCertificate  = "CERTIFICATE_FILE"
	noIdentity     = "CLIENT_ID"
	notAssigned    = "IDENTITY"
	noAzureCLI     = "AZURE_CLI"
	clockIsWrong   = "CLOCK"
	unknownCA      = "TLS_CA"
	noName         = "DNS"
	noAnswer       = "TIMEOUT"
	noConnection   = "NETWORK"
	isBusy         = "BUSY"
	sentElsewhere  = "REDIRECT"
	notUnderstood  = "ANSWER"
	notAuthorized  = "AuthorizationFailed"
	notFound       = "ResourceNotFound"
	tokenRefused   = "InvalidAuthenticationToken"
	severalByName  = "SEVERAL"
	noneByName     = "NONE"
	localAccount   = "LOCAL_ACCOUNT"
	notKubelogin   = "EXEC"
	isInsecure     = "INSECURE"
	otherTenant    = "TENANT"
	otherServerApp = "SERVER_ID"
)

// azureError is a request to a cluster that was never sent, because there was no token for it, or no address.
type azureError struct {
	code   string    // "AADSTS7000215", "TOKEN_FILE", "AuthorizationFailed"
	lookup bool      // the cluster's address was looked up; else the bot signed in
	again  time.Time // until then nobody asks again
	err    error
	who    string        // was asked; entraName when empty
	skew   time.Duration // of this machine's clock against Microsoft's
}

// Error names the code alone: azidentity's own text has seventeen lines, and holds the answer's body.
func (e *azureError) Error() string {
	if e.lookup {
		return "looking the cluster up in Azure: " + e.code
	}
	return "signing in to Microsoft Entra: " + e.code
}

// Unwrap keeps context errors recognisable.
func (e *azureError) Unwrap() error { return e.err }

// azureErrorIn is the azureError that an error wraps; nil where there is none.
func azureErrorIn(err error) *azureError {
	if e, ok := errors.AsType[*azureError](err); ok {
		return e
	}
	return nil
}

// entraCode is how Microsoft Entra begins the description of an error.
var entraCode = regexp.MustCompile(`AADSTS\d+`)

// explained finds the cause of an error of Azure's libraries. What the transport met says more than they do.
func explained(err error, met *azureTrip) *azureError {
	if known := azureErrorIn(err); known != nil { // a copy: it is everybody's
		out := *known
		return &out
	}
	out := &azureError{code: notUnderstood, skew: met.skew}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		out.err = context.DeadlineExceeded // the text of the rest may hold a body
	}
	code := entraCode.FindString(err.Error())
	var refused *azcore.ResponseError
	var failed *azidentity.AuthenticationFailedError
	switch {
	case errors.Is(err, errPastToken):
		out.code = clockIsWrong
	case met.err != nil:
		out.code = networkCode(met.err)
	case out.err != nil:
		out.code = noAnswer
	case met.status == http.StatusTooManyRequests || met.status >= http.StatusInternalServerError:
		out.code = isBusy
	case code != "":
		out.code = code
	case met.status >= 300 && met.status < 400:
		out.code = sentElsewhere
	case errors.As(err, &refused):
		out.code = managerCode(refused)
	case errors.As(err, &failed) && met.status == http.StatusBadRequest,
		strings.Contains(err.Error(), "the requested identity isn't assigned"), strings.Contains(err.Error(), "system assigned identity"):
		out.code = notAssigned
	}
	return out
}

// networkCode says what kind of trouble the network had.
func networkCode(err error) string {
	var dns *net.DNSError
	var timeout net.Error
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var header tls.RecordHeaderError
	switch {
	case errors.As(err, &verification), errors.As(err, &authority), errors.As(err, &header):
		return unknownCA
	case errors.As(err, &dns):
		return noName
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return noAnswer
	case errors.Is(err, fs.ErrNotExist):
		return noTokenFile
	}
	return noConnection
}

// managerCode is the name of an error of the Resource Manager, of those that are known.
func managerCode(e *azcore.ResponseError) string {
	switch {
	case e.StatusCode == http.StatusForbidden:
		return notAuthorized
	case e.StatusCode == http.StatusNotFound:
		return notFound
	case e.StatusCode == http.StatusUnauthorized:
		return tokenRefused
	case e.StatusCode == http.StatusTooManyRequests, e.StatusCode >= http.StatusInternalServerError:
		return isBusy
	case e.StatusCode >= 300 && e.StatusCode < 400:
		return sentElsewhere
	}
	return notUnderstood
}

// azureHelp says what is wrong, and for what passes by itself that it does. Sources: Microsoft's list of AADSTS errors and the
// documents of workload identity, of managed identities and of `az aks get-credentials`.
var azureHelp = map[string]string{ //nolint:gosec // sentences about credentials
	"AADSTS7000215": "the client secret is wrong: the value is needed, not its ID",
	"AADSTS7000222": "the client secret has expired",
	"AADSTS7000218": "the client secret is missing",
	"AADSTS700027":  "the certificate isn't registered for this application",
	"AADSTS700016":  "the client ID isn't known in this tenant",
	"AADSTS90002":   "the tenant isn't known",
	"AADSTS700211":  "the issuer of the federated credential doesn't match the cluster's, which has to be the same to the last slash",
	"AADSTS700212":  "the audience of the federated credential doesn't match: it has to be api://AzureADTokenExchange",
	"AADSTS700213":  "the subject of the federated credential doesn't match my ServiceAccount",
	"AADSTS70021":   "no federated credential matches yet: one that was just made takes some seconds",
	"AADSTS700024":  "my ServiceAccount's token has expired: look at the clock of the node and at the volume of the token",
	"AADSTS50027":   "my ServiceAccount's token isn't valid for the issuer of the federated credential",
	"AADSTS500011":  "this tenant or cloud doesn't have the application of AKS",
	"AADSTS50196":   "{who} throttles me because I asked too often",
	"AADSTS53003":   "a Conditional Access policy blocks me",
	noTokenFile:     "my pod has no token file: the label azure.workload.identity/use is missing, or the pod is older than the webhook",
	noSecretFile:    "the client secret isn't there: name its file in azure.secretFile, or set " + secretVariable,
	noCertificate:   "azure.certificateFile holds no certificate with its key",
	noIdentity:      "I don't know the tenant or the client ID: set azure.tenantID and azure.clientID",
	notAssigned:     "this machine doesn't have the managed identity that azure.clientID names",
	noAzureCLI:      "the Azure CLI gives me no token: run `az login` as the user that I run as",
	clockIsWrong:    "a fresh token had expired already: this machine's clock is wrong",
	unknownCA:       "the certificate of {who} isn't from an authority that I know: a proxy's CA goes into azure.caFile",
	sentElsewhere:   "{who} sends me to another address, and I don't send credentials there",
	notUnderstood:   "something answered in the place of {who}, perhaps a proxy with a page",
	notAuthorized: "I lack the role Azure Kubernetes Service Cluster User Role on the cluster; a role that was just assigned " +
		"takes some minutes",
	notFound:      "Azure has no cluster with this ID: look at the subscription, the resource group and the name",
	tokenRefused:  "Azure doesn't take my token: look at the tenant",
	severalByName: "I can read several clusters with this name: set azure.resourceID",
	noneByName: "I can read no cluster with this name: it lacks the role Azure Kubernetes Service Cluster User Role for me, " +
		"or set azure.resourceID",
	localAccount:   "it hands out a certificate or token that is cluster-admin, so it isn't integrated with Microsoft Entra",
	notKubelogin:   "its kubeconfig wants to run another program than kubelogin",
	isInsecure:     "its kubeconfig leaves out https, the certificate's check or the authority, or names a proxy",
	otherTenant:    "it belongs to another tenant than azure.tenantID",
	otherServerApp: "it uses an Entra application of its own in the place of AKS's",
}

// passingHelp is about causes that pass by themselves.
var passingHelp = map[string]string{
	noName:        "the name of {who} doesn't resolve",
	noAnswer:      "{who} doesn't answer in time",
	noConnection:  "I can't connect to {who}",
	isBusy:        "{who} has a passing fault, or too much to do",
	"AADSTS90033": "{who} has a passing fault",
	"AADSTS90055": "{who} has too much to do",
}

type signInSentence struct{ message, hint algesta.Text }

// explainSignIn is the sentence for a request that wasn't sent because the bot couldn't sign in or find the cluster.
func explainSignIn(cluster string, err error) (signInSentence, bool) {
	e := azureErrorIn(err)
	if e == nil || errors.Is(err, context.Canceled) {
		return signInSentence{}, false
	}
	did, who := "sign in to", orElse(e.who, entraName)
	if e.lookup {
		did, who = "look up", "Azure Resource Manager"
	}
	again := "I'll try again when somebody asks."
	if wait := time.Until(e.again); wait > 0 {
		again = fmt.Sprintf("I'll try again in %s.", words.Span(max(wait, time.Second)))
	}
	why, known := azureHelp[e.code]
	if !known {
		why = strings.ReplaceAll(orElse(passingHelp[e.code], "{who} refuses me"), "{who}", who)
		return signInSentence{
			algesta.Say("I can't {} {}: {} ({}).", did, algesta.Name(cluster), why, e.code),
			algesta.Say("Nothing was changed. {}", again),
		}, true
	}
	why = strings.ReplaceAll(why, "{who}", who)
	if off := e.skew.Abs(); off > clockTolerance {
		why += fmt.Sprintf(". This machine's clock is %s off", words.Span(off))
	}
	return signInSentence{
		algesta.Say("I can't {} {}: {} ({}).", did, algesta.Name(cluster), why, e.code),
		algesta.Say("Nothing was changed. The bot's operator can fix it. {}", again),
	}, true
}

// refusedHint says what to look at where the API server doesn't take a token that Microsoft Entra gave.
func (a *azureAccess) refusedHint() algesta.Text {
	if off := a.cluster.clockOff(); off > 0 {
		return algesta.Say("This machine's clock is {} off Microsoft's. The bot's operator can fix it.", words.Span(off))
	}
	return algesta.Say(
		"Is it integrated with Microsoft Entra, in the tenant that I sign in to? The bot's operator can check with `bot doctor`.",
	)
}
