package kube

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// Impersonated is who somebody is to a cluster's own RBAC.
type Impersonated struct {
	User   string   // as the cluster calls them
	Groups []string // that count for them; the API server looks none up
}

// Validate refuses what nobody may be taken for: the cluster's own users and groups, among them system:masters, which no RBAC holds back.
// A name with blanks at its ends would arrive without them, because HTTP trims the values of headers, and so as another one than was
// checked here and granted in the cluster.
func (i Impersonated) Validate() error {
	if i.User == "" {
		return errors.New("impersonate needs a user")
	}
	for _, name := range append([]string{i.User}, i.Groups...) {
		if !words.Exact(name) || strings.HasPrefix(name, "system:") || strings.Contains(name, "*") {
			return fmt.Errorf("impersonate names %q: write a user or a group of people, and none of the cluster's own, without blanks at "+
				"the ends and control characters", name)
		}
	}
	return nil
}

// WriterFor is a Writer for what somebody asked: their ID in Slack, "U0DANA". Where the configuration has changes made as whoever asks for
// them (Config.Impersonate), its dry runs and writes are sent in their name, so that the API server's audit log names them and their own
// RBAC decides, besides everything that is decided before. It's ErrForbidden for somebody whom the configuration doesn't have. Reads stay
// the bot's own.
func (c *Cluster) WriterFor(may []string, person string) (*Writer, error) {
	w := c.Writer(may)
	if len(c.impersonate) == 0 {
		return w, nil
	}
	as, known := c.impersonate[person]
	if !known {
		return nil, &algesta.Error{
			Kind: algesta.ErrForbidden,
			Message: algesta.Say(
				"Changes in {} are made as whoever asks for them, and I don't know who you are there.", algesta.Name(c.name),
			),
			Hint: algesta.Say("The bot's operator can add you to impersonate in the configuration."),
		}
	}
	w.as = &as
	return w, nil
}

// explain is the sentence for an error of a request that was sent in somebody's name.
func (w *Writer) explain(a attempt, err error) error {
	if w.as == nil || codeOf(err) != http.StatusForbidden || w.c.stopped(err) != nil {
		return w.c.explain(a, err)
	}
	out := &algesta.Error{Kind: algesta.ErrForbidden, Err: w.c.logged(a, err)}
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Details != nil && (status.Status().Details.Kind == "users" ||
		status.Status().Details.Kind == "groups") {
		out.Message = algesta.Say("I may not act as {} in {} (403).", algesta.Name(w.as.User), algesta.Name(w.c.name))
		out.Hint = algesta.Say("The bot's operator can grant it: `bot rbac` and the chart do for those of the configuration.")
		return out
	}
	out.Message = algesta.Say("{} may not {} {}{} (403), and changes in {} are made as whoever asks for them.",
		algesta.Name(w.as.User), a.verb, a.resource, inNamespace(a.namespace), algesta.Name(w.c.name))
	out.Hint = algesta.Say("Ask for a Role in the cluster, or have somebody ask who has one.")
	return out
}
