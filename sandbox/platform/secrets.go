package platform

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta/sandbox/control"
)

// LetReadSecrets gives the service accounts of a namespace the optional right: get, not list, on its Secrets. It returns
// when the API server knows.
func LetReadSecrets(tb testing.TB, c *control.Cluster, namespace string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	rule := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}}
	group := "system:serviceaccounts:" + namespace
	meta := metav1.ObjectMeta{Name: "algesta-secrets", Namespace: namespace}
	_, err := c.Client.RbacV1().Roles(
		namespace,
	).Create(
		ctx, &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{rule}}, metav1.CreateOptions{},
	)
	require.NoError(tb, err)
	_, err = c.Client.RbacV1().RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: meta,
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: group}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
	}, metav1.CreateOptions{})
	require.NoError(tb, err)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		asked, err := c.Client.AuthorizationV1().SubjectAccessReviews().Create(
			ctx,
			&authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
				User: "system:serviceaccount:" + namespace + ":any", Groups: []string{group},
				ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: "get", Resource: "secrets"},
			}},
			metav1.CreateOptions{},
		)
		require.NoError(tb, err)
		if asked.Status.Allowed {
			return
		}
		select {
		case <-ctx.Done():
			require.FailNow(tb, "the API server does not take up the right")
		case <-tick.C:
		}
	}
}
