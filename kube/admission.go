package kube

import (
	"net/http"
	"regexp"

	"github.com/3astronautas/algesta"
)

// What admission says when it stops a request: the beginnings of its messages, as k8s.io/apiserver writes them (webhook/errors,
// plugin/webhook/validating, plugin/policy/validating; k8s.io/apiextensions-apiserver's conversion). Of the message no more is taken than
// the name: the rest is somebody else's, and may quote the object.
var (
	webhookFails  = regexp.MustCompile(`^(?:Internal error occurred: )?failed calling webhook "([a-z0-9.-]{1,253})": `)
	webhookDenies = regexp.MustCompile(`^admission webhook "([a-z0-9.-]{1,253})" denied the request`)
	policyDenies  = regexp.MustCompile(
		`^[a-z0-9.]+ "[^"]*" is forbidden: ValidatingAdmissionPolicy '([a-z0-9.-]{1,253})' with binding '[^']*' denied request`,
	)
	conversionFails = regexp.MustCompile(`^(?:Internal error occurred: )?conversion webhook for [^ ]+, Kind=([A-Za-z0-9]{1,63}) failed`)
)

// stopped is the error of a request that the API server took and admission stopped; nil for any other. A webhook that was to be asked and
// didn't answer is a 500, and one that says no may be a 403, as a missing right is: neither is what it looks like.
// Admission comes before anything is stored, so nothing was written. A conversion may be that of the answer.
func (c *Cluster) stopped(err error) *algesta.Error {
	code := codeOf(err)
	if code < http.StatusBadRequest {
		return nil
	}
	message, cluster := err.Error(), algesta.Name(c.name)
	if found := webhookFails.FindStringSubmatch(message); found != nil && code >= http.StatusInternalServerError {
		return &algesta.Error{
			Kind: algesta.ErrUnreachable,
			Message: algesta.Say(
				"The admission webhook {} of the cluster {} doesn't answer as it should, and the cluster takes no such change without it.",
				algesta.Name(found[1]), cluster,
			),
			Hint: algesta.Say("Whoever runs the webhook has to look at it. Ask again after that."),
		}
	}
	if found := conversionFails.FindStringSubmatch(message); found != nil && code >= http.StatusInternalServerError {
		return &algesta.Error{
			Kind: algesta.ErrUnreachable,
			Message: algesta.Say(
				"The webhook of the cluster {} that converts objects of the kind {} doesn't answer as it should.", cluster, algesta.Name(found[1]),
			),
			Hint: algesta.Say("Whoever runs the webhook has to look at it. Ask again after that."),
		}
	}
	what := "admission webhook"
	found := webhookDenies.FindStringSubmatch(message)
	if found == nil {
		what, found = "ValidatingAdmissionPolicy", policyDenies.FindStringSubmatch(message)
	}
	if found == nil {
		return nil
	}
	return &algesta.Error{
		Kind:    algesta.ErrInvalid,
		Message: algesta.Say("The {} {} of the cluster {} doesn't allow this.", what, algesta.Name(found[1]), cluster),
		Hint:    algesta.Say("Nothing was changed. Whoever wrote its rules can say why: I quote none of its words, which may hold secrets."),
	}
}
