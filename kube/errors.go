package kube

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact"
)

// attempt is what was being done when an error came, for its sentence.
type attempt struct {
	verb      string // "get", "list", "patch"
	resource  string // "deployments"
	namespace string
	name      string
}

// explain turns an error of the API into a sentence. It takes the status code, the reason, the names of the fields and the name of what
// stopped it at admission, and nothing else of the message: that can hold the whole object, with the values of its environment.
func (c *Cluster) explain(a attempt, err error) error {
	if err == nil {
		return nil
	}
	if _, known := errors.AsType[*algesta.Error](err); known {
		return err
	}
	if out := c.stopped(err); out != nil {
		out.Err = c.logged(a, err)
		return out
	}
	out := &algesta.Error{Err: c.logged(a, err)}
	cluster := algesta.Name(c.name)
	switch code := codeOf(err); {
	case code == http.StatusNotFound && a.verb == string(algesta.Create):
		out.Kind = algesta.ErrNotFound
		out.Message = algesta.Say("The cluster {} can't store {}{}.", cluster, a.resource, inNamespace(a.namespace))
		out.Hint = algesta.Say("The namespace may have been deleted, or the kind isn't installed.")
	case code == http.StatusNotFound && a.name != "" && a.namespace == "":
		out.Kind = algesta.ErrNotFound
		out.Message = algesta.Say("There's no {} {}.", singular(a.resource), algesta.Name(a.name))
		out.Hint = algesta.Say("It may have been deleted or renamed.")
	case code == http.StatusNotFound && a.name != "":
		out.Kind = algesta.ErrNotFound
		out.Message = algesta.Say("There's no {} {} in namespace {}.", singular(a.resource), algesta.Name(a.name), algesta.Name(a.namespace))
		out.Hint = algesta.Say("It may have been deleted or renamed.")
	case code == http.StatusNotFound:
		out.Kind = algesta.ErrNotFound
		out.Message = algesta.Say("The cluster {} doesn't know {}.", cluster, a.resource)
	case code == http.StatusUnauthorized: // no right is missing: the bot isn't let in, so that nothing is known
		out.Kind = algesta.ErrUnreachable
		out.Message = algesta.Say("The cluster {} doesn't accept my credentials (401).", cluster)
		out.Hint = algesta.Say("The bot's operator has to check how I sign in to it.")
		if c.azure != nil {
			out.Hint = c.azure.refusedHint()
		}
	case code == http.StatusForbidden:
		out.Kind = algesta.ErrForbidden
		out.Message = algesta.Say("I don't have permission to {} {}{} (403).", a.verb, a.resource, inNamespace(a.namespace))
		out.Hint = algesta.Say("The bot's operator can grant it with a Role in the cluster.")
	case code == http.StatusConflict:
		out.Kind = algesta.ErrConflict
		out.Message = algesta.Say("Someone changed {} at the same time.", algesta.Name(a.name))
		out.Hint = algesta.Say("Ask again to see how it is now.")
	case code == http.StatusTooManyRequests:
		out.Kind = algesta.ErrUnreachable
		out.Message = algesta.Say("The cluster {} is too busy to answer.", cluster)
		out.Hint = algesta.Say("Ask again in a minute.")
	case code >= 400 && code < 500:
		out.Kind = algesta.ErrInvalid
		out.Message = algesta.Say("The cluster {} rejects this{}.", cluster, fieldsOf(err))
		out.Hint = algesta.Say("Nothing was changed.")
	default:
		out.Kind = algesta.ErrUnreachable
		out.Message = algesta.Say("The cluster {} doesn't answer.", cluster)
		out.Hint = algesta.Say("Ask again in a minute.")
		if signIn, ok := explainSignIn(c.name, err); ok {
			out.Message, out.Hint = signIn.message, signIn.hint
		} else if away, ok := explainAway(c.name, err); ok {
			out.Message, out.Hint = away.message, away.hint
		} else if hint, ok := c.unreachable(err); ok {
			out.Hint = hint
		}
	}
	return out
}

// logged is the cause as the log may have it: what was tried and how the server called it, without its message.
func (c *Cluster) logged(a attempt, err error) error {
	what := strings.TrimSpace(fmt.Sprintf("%s %s %s/%s in %s", a.verb, a.resource, a.namespace, a.name, c.name))
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return fmt.Errorf("%s: %d %s%s", what, status.Status().Code, status.Status().Reason, fieldsOf(err))
	}
	if e := azureErrorIn(err); e != nil {
		return fmt.Errorf("%s: %s", what, e.Error())
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("%s: %s", what, clip(err.Error())) // of the network: it names addresses, not contents
}

// codeOf is the HTTP status of an API error, 0 for anything else.
func codeOf(err error) int {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return int(status.Status().Code)
	}
	return 0
}

// problems are what the server says about a field, in words.
var problems = map[metav1.CauseType]string{
	metav1.CauseTypeFieldValueRequired:     "is missing",
	metav1.CauseTypeFieldValueInvalid:      "isn't valid",
	metav1.CauseTypeTypeInvalid:            "isn't valid",
	metav1.CauseTypeFieldValueNotFound:     "names something that doesn't exist",
	metav1.CauseTypeFieldValueDuplicate:    "is there twice",
	metav1.CauseTypeFieldValueNotSupported: "has a value that isn't supported",
	metav1.CauseTypeForbidden:              "can't be changed",
	metav1.CauseTypeTooLong:                "is too long",
}

// fieldsOf names the fields that the server complained about: " (spec.template.spec.containers[0].image is missing)".
func fieldsOf(err error) string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return ""
	}
	var out []string
	for _, cause := range status.Status().Details.Causes {
		if problem, known := problems[cause.Type]; known && cause.Field != "" && cause.Field != "patch" && len(out) < 5 {
			out = append(out, clip(cause.Field)+" "+problem)
		}
	}
	if len(out) == 0 {
		return ""
	}
	return " (" + strings.Join(out, "; ") + ")"
}

// clip is a short text of someone else without secrets.
func clip(s string) string {
	var forms *redact.Redactor // the forms only: values are hidden where it is shown
	return forms.Line(s, 300)
}

func inNamespace(namespace string) string {
	if namespace == "" {
		return ""
	}
	return " in " + namespace
}

func singular(resource string) string { return strings.TrimSuffix(resource, "s") }

// neverSent reports that a request certainly did not reach the server: the connection could not be made.
func neverSent(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return true
	}
	var dns *net.DNSError
	var away *awayError
	return errors.As(err, &dns) || errors.As(err, &away) || azureErrorIn(err) != nil
}
