package kube

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/sourcegraph/conc"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"

	"github.com/3astronautas/algesta"
)

// Server is the version of the API server, as "v1.37.2".
func (c *Cluster) Server(ctx context.Context) (string, error) {
	answer, err := c.version(ctx)
	return answer, c.explain(aboutVersion, err)
}

var aboutVersion = attempt{verb: "get", resource: "its version"}

// version asks for the version. Its errors are the client's own.
func (c *Cluster) version(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, perCall)
	defer cancel()
	raw, err := c.lists.Get().AbsPath("/version").SetHeader("Accept", "application/json").Do(ctx).Raw()
	if err != nil {
		return "", err
	}
	info := version.Info{}
	if json.Unmarshal(raw, &info) != nil || info.GitVersion == "" {
		return "", errNoVersion
	}
	return info.GitVersion, nil
}

var errNoVersion = &algesta.Error{Kind: algesta.ErrUnreachable, Message: algesta.Say("I couldn't read the cluster's answer.")}

// Identity is who the bot is to the cluster.
func (c *Cluster) Identity(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, perCall)
	defer cancel()
	answer, err := c.watches.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return "", c.explain(attempt{verb: "create", resource: "selfsubjectreviews", name: "self"}, err)
	}
	return answer.Status.UserInfo.Username, nil
}

// Lacks asks for each of these, in its order, whether the bot lacks the right to it. Nothing is changed by asking. After an error nothing
// is known of any.
func (c *Cluster) Lacks(ctx context.Context, wanted []authorizationv1.ResourceAttributes) ([]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, perCall)
	defer cancel()
	lacks, errs := make([]bool, len(wanted)), make([]error, len(wanted))
	slots := make(chan struct{}, atOnce)
	var asking conc.WaitGroup
	for i := range wanted {
		asking.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &wanted[i]}}
			err := c.lists.Post().AbsPath("/apis/authorization.k8s.io/v1").Resource("selfsubjectaccessreviews").Body(review).Do(ctx).Into(review)
			lacks[i], errs[i] = !review.Status.Allowed, err
		})
	}
	asking.Wait()
	if err := errors.Join(errs...); err != nil {
		for _, err := range errs {
			if err != nil {
				return nil, c.explain(attempt{verb: "create", resource: "selfsubjectaccessreviews"}, err)
			}
		}
	}
	return lacks, nil
}

// Serves reports whether the cluster has an API group, such as "cert-manager.io". A group whose server is away is one that it hasn't.
func (c *Cluster) Serves(ctx context.Context, group string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, perCall)
	defer cancel()
	_, err := c.lists.Get().AbsPath("/apis/"+group).SetHeader("Accept", "application/json").Do(ctx).Raw()
	switch code := codeOf(err); {
	case code == http.StatusNotFound, code == http.StatusServiceUnavailable:
		return false, nil
	case err != nil:
		return false, c.explain(attempt{verb: "get", resource: "its API groups"}, err)
	}
	return true, nil
}
