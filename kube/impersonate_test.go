package kube_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/sandbox/control"
)

// TestAChangeIsMadeInTheNameOfWhoeverAsks on a real API server: the bot may write nothing of its own, and acts as two people. One of them
// has the right, the other hasn't; a third isn't in the configuration, and a fourth is whom the bot may not act as.
func TestAChangeIsMadeInTheNameOfWhoeverAsks(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	ns := p.w.Namespace
	dana, luis, team := "dana-"+ns+"@example.com", "luis-"+ns+"@example.com", "team-"+ns
	account := p.ServiceAccount(t, ns, []rbacv1.PolicyRule{
		{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"get", "list", "watch"}},
		{APIGroups: []string{""}, Resources: []string{"users"}, ResourceNames: []string{dana, luis}, Verbs: []string{"impersonate"}},
		{APIGroups: []string{""}, Resources: []string{"groups"}, ResourceNames: []string{team}, Verbs: []string{"impersonate"}},
	})
	_, err := p.Client.RbacV1().Roles(ns).Create(t.Context(), &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: "writes"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"patch"}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = p.Client.RbacV1().RoleBindings(ns).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "writes"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "writes"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: team}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	bot, err := kube.Open(t.Context(), kube.Config{
		Name: "sandbox", Access: kube.Kubeconfig, Kubeconfig: account, Version: "test", Impersonate: map[string]kube.Impersonated{
			"U0DANA": {User: dana, Groups: []string{team}}, "U0LUIS": {User: luis}, "U0ROOT": {User: "root-" + ns},
		},
	})
	require.NoError(t, err)
	change, began := p.deploy12345(t), time.Now()
	says := func(person, text string) {
		t.Helper()
		w, err := bot.WriterFor(patching, person)
		require.NoError(t, err)
		_, checked := w.Check(t.Context(), change)
		_, applied := w.Apply(t.Context(), change, "op-c-1", (&recorder{}).intend)
		for _, err := range []error{checked, applied} {
			require.ErrorIs(t, err, algesta.ErrForbidden)
			var said *algesta.Error
			require.ErrorAs(t, err, &said)
			require.Equal(t, text, said.Message.String())
		}
	}
	says("U0LUIS", luis+" may not patch deployments in "+ns+" (403), and changes in sandbox are made as whoever asks for them.")
	says("U0ROOT", "I may not act as root-"+ns+" in sandbox (403).")
	_, err = bot.WriterFor(patching, "U0NICO")
	require.ErrorIs(t, err, algesta.ErrForbidden)
	require.EqualError(t, err, "Changes in sandbox are made as whoever asks for them, and I don't know who you are there.")
	_, err = bot.WriterFor(patching, "")
	require.ErrorIs(t, err, algesta.ErrForbidden, "nobody asks")
	_, err = bot.Writer(patching).Apply(t.Context(), change, "op-c-1", (&recorder{}).intend)
	require.ErrorIs(t, err, algesta.ErrForbidden, "the bot itself may write nothing")

	w, err := bot.WriterFor(patching, "U0DANA")
	require.NoError(t, err)
	_, err = w.Check(t.Context(), change)
	require.NoError(t, err)
	r := &recorder{}
	_, err = w.Apply(t.Context(), change, "op-c-2", r.intend)
	require.NoError(t, err)
	require.Equal(t, newImage, p.deployment(t).Spec.Template.Spec.Containers[0].Image)
	verified, err := bot.Writer(nil).Verify(t.Context(), redacted(change), r.execution("op-c-2"))
	require.NoError(t, err)
	require.True(t, verified.Yes, "it's looked for as the bot itself")

	requests, err := p.Requests(t.Context(), began, ns)
	require.NoError(t, err)
	as := map[string]int{}
	for _, q := range requests {
		if q.Verb == "patch" && q.Resource == "deployments" && q.Subresource == "" && q.UserAgent == "algesta/test" && q.Code == 200 {
			require.Contains(t, q.User, "system:serviceaccount:", "who sent it")
			as[q.ActingAs]++
		}
	}
	require.Equal(t, map[string]int{dana: 2}, as, "the dry run and the write are Dana's in the audit log")
}

func TestNobodyOfTheClustersOwnIsImpersonated(t *testing.T) {
	t.Parallel()
	for _, i := range []kube.Impersonated{
		{},
		{User: "system:admin"},
		{User: "dana", Groups: []string{"system:masters"}},
		{User: "dana", Groups: []string{""}},
		{User: "*"},
		{User: "dana\nx"},
		{User: " system:admin"},
		{User: "dana", Groups: []string{"system:masters\t"}},
		{User: "dana", Groups: []string{"\u00a0system:masters"}},
		{User: "da\x00na"},
	} {
		require.Error(t, i.Validate(), "%v", i)
		_, err := kube.Open(t.Context(), kube.Config{
			Name: "a", Access: kube.Kubeconfig, Kubeconfig: "none", Impersonate: map[string]kube.Impersonated{"U0DANA": i},
		})
		require.ErrorContains(t, err, "impersonate")
	}
	require.NoError(t, kube.Impersonated{User: "dana@example.com", Groups: []string{"team"}}.Validate())
}
