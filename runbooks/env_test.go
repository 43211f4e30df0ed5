package runbooks_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

func plain(name, value string) corev1.EnvVar { return corev1.EnvVar{Name: name, Value: value} }

func fromSecret(name, secret, key string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: key,
	}}}
}

func fromMap(name, configMap, key string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: configMap}, Key: key,
	}}}
}

// configured is the manual's gateway: two plain variables, two of Secrets, one of a ConfigMap, one of the pod.
func configured(secrets map[string][]string, more ...corev1.EnvVar) runbooks.Cluster {
	s := gateway()
	s.deployment.Spec.Template.Spec.Containers[0].Env = append([]corev1.EnvVar{
		plain("NODE_ENV", "production"), plain("PORT", "3000"), fromSecret("MONGODB_URI", "mongodb-credentials", "uri"),
		fromSecret("JWT_SECRET", "jwt-credentials", "secret"), fromMap("TARIFF", "tariffs", "zone-1"),
		{Name: "POD_IP", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "status.podIP"}}},
	}, more...)
	s.lists["ConfigMapList"] = []any{corev1.ConfigMap{ObjectMeta: named("tariffs"), Data: map[string]string{"zone-1": "4.20", "zone-2": "5"}}}
	c := whole(s)
	c.Keys = locker{keys: secrets}
	c.Bounded = nil
	return c
}

var bothSecrets = map[string][]string{"mongodb-credentials": {"uri"}, "jwt-credentials": {"secret"}}

func env(t *testing.T, c runbooks.Cluster, args algesta.Args) []string {
	t.Helper()
	book, ok := runbooks.Find("env")
	require.True(t, ok)
	report, err := book.Answer(t.Context(), c, input("env", args))
	require.NoError(t, err)
	return shownLines(t, report)
}

func TestEnvSaysWhereEachVariableComesFrom(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"api-gateway in production: 6 variables, 2 hidden",
		"variable | value | from",
		"NODE_ENV | production | the template",
		"PORT | 3000 | the template",
		"MONGODB_URI | hidden | Secret mongodb-credentials, key uri",
		"JWT_SECRET | hidden | Secret jwt-credentials, key secret",
		"TARIFF | 4.20 | ConfigMap tariffs, key zone-1",
		"POD_IP | set when a pod starts | the pod's status.podIP",
		"What the image itself sets isn't seen from here.",
	}, env(t, configured(bothSecrets), nil))
	require.Equal(t, "api-gateway in production: NODE_ENV=production", env(t, configured(bothSecrets), algesta.Args{"grep": "NODE_ENV"})[0])
	got := env(t, configured(bothSecrets), algesta.Args{"grep": "(MONGODB|JWT|NODE_ENV)"})
	require.Equal(t, "api-gateway in production: 3 of 6 variables, 2 hidden", got[0])
	require.Len(t, got, 6)
	require.Equal(
		t,
		"api-gateway in production: none of 6 variables fits ^REDIS",
		env(t, configured(bothSecrets), algesta.Args{"grep": "^REDIS"})[0],
	)
}

// Whoever pastes "env | grep" gets no value that anybody would miss: not by its name, not by its look, not by searching for it.
func TestEnvShowsNoSecret(t *testing.T) {
	t.Parallel()
	token, password := "ghp_"+strings.Repeat("a1B2", 9), "Tr0ub4dor"+"&3"
	c := configured(bothSecrets, plain("API_PASSWORD", "abc"), plain("DATABASE_URL", "postgres://app:"+password+"@db:5432/x"),
		plain("SETTING", token), plain("OTHER", "kX9$"+"vQ2!pL7#zz"), fromMap("LEAK", "leaks", "token"))
	s := whole(c)
	reader := s.Reader.(*still)
	reader.lists["ConfigMapList"] = append(
		reader.lists["ConfigMapList"],
		corev1.ConfigMap{ObjectMeta: named("leaks"), Data: map[string]string{"token": token}},
	)
	for _, args := range []algesta.Args{nil, {"grep": "."}, {"grep": "PASSWORD"}, {"grep": "abc"}, {"grep": token}} {
		all := strings.Join(env(t, s, args), "\n")
		for _, secret := range []string{password, "kX9$", "| abc |"} {
			require.NotContains(t, all, secret)
		}
		require.NotContains(t, strings.ReplaceAll(all, "fits "+token, ""), token)
	}
	for _, name := range []string{"API_PASSWORD", "DATABASE_URL", "SETTING", "OTHER"} {
		require.Contains(t, env(t, s, nil), name+" | hidden | the template")
	}
	require.Contains(t, env(t, s, nil), "LEAK | hidden | ConfigMap leaks, key token")

	phrase := "walrus-" + rand.String(8) + "-garden" // nothing but the name of its key says what it is
	c = configured(bothSecrets, fromMap("SPRING_JSON", "leaks", "DB_PASSWORD"), fromMap("X1", "leaks", "password"))
	main := &whole(c).Reader.(*still).deployment.Spec.Template.Spec.Containers[0]
	main.EnvFrom = []corev1.EnvFromSource{{Prefix: "X", ConfigMapRef: &corev1.ConfigMapEnvSource{
		LocalObjectReference: corev1.LocalObjectReference{Name: "leaks"},
	}}}
	reader = whole(c).Reader.(*still)
	reader.lists["ConfigMapList"] = append(
		reader.lists["ConfigMapList"],
		corev1.ConfigMap{ObjectMeta: named("leaks"), Data: map[string]string{"password": phrase, "DB_PASSWORD": phrase}},
	)
	for _, args := range []algesta.Args{nil, {"grep": "X1"}, {"grep": "SPRING"}, {"grep": "PASSWORD"}} {
		require.NotContains(t, strings.Join(env(t, whole(c), args), "\n"), phrase)
	}
	require.Contains(t, env(t, whole(c), nil), "SPRING_JSON | hidden | ConfigMap leaks, key DB_PASSWORD")

	main.Env = append(main.Env, plain("NOTES", strings.Repeat("x ", 145)+"runs with "+phrase), plain("ELSE", "see "+phrase))
	got := strings.Join(env(t, whole(c), nil), "\n")
	require.NotContains(t, got, phrase[:10], "neither whole nor cut in another variable")
	require.Contains(t, got, "ELSE | see ‹redacted› | the template")
}

func TestEnvFlagsWhatIsMissing(t *testing.T) {
	t.Parallel()
	got := env(
		t,
		configured(map[string][]string{"mongodb-credentials": {"URI"}}, fromMap("GONE", "nowhere", "x"), fromMap("LACKS", "tariffs", "zone-9")),
		nil,
	)
	require.Equal(t, "api-gateway in production: 8 variables, 4 can't be filled", got[0])
	for _, want := range []string{
		"MONGODB_URI | missing | Secret mongodb-credentials, key uri",
		"Secret mongodb-credentials has no key uri, so MONGODB_URI can't be filled and no new pod can start.",
		"Secret jwt-credentials doesn't exist, so JWT_SECRET can't be filled and no new pod can start.",
		"ConfigMap nowhere doesn't exist, so GONE can't be filled and no new pod can start.",
		"ConfigMap tariffs has no key zone-9, so LACKS can't be filled and no new pod can start.",
	} {
		require.Contains(t, got, want)
	}
	unread := configured(nil)
	unread.Reader.(*still).forbidden["ConfigMapList"] = true
	got = env(t, unread, nil)
	require.Equal(t, "api-gateway in production: 6 variables, 2 hidden", got[0])
	require.Contains(t, got, "TARIFF | not checked | ConfigMap tariffs, key zone-1")
	require.Contains(t, got, "Couldn't check whether the Secrets jwt-credentials and mongodb-credentials have the keys: "+
		"I don't have permission to read Secrets.")
}

func TestEnvReadsWholeSourcesAndWhatStandsOverThem(t *testing.T) {
	t.Parallel()
	c := configured(map[string][]string{"mongodb-credentials": {"uri"}, "jwt-credentials": {"secret"}, "more": {"a", "b"}})
	d := c.Reader.(*still).deployment
	main := &d.Spec.Template.Spec.Containers[0]
	main.EnvFrom = []corev1.EnvFromSource{
		{Prefix: "T_", ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "tariffs"}}},
		{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "more"}}},
	}
	main.Env = append(main.Env, plain("T_zone-1", "over"))
	d.Spec.Template.Spec.Containers = append(
		d.Spec.Template.Spec.Containers,
		corev1.Container{Name: "proxy", Env: []corev1.EnvVar{plain("MODE", "sidecar")}},
	)
	got := env(t, c, nil)
	require.Equal(t, "api-gateway in production: 11 variables, 4 hidden", got[0])
	for _, want := range []string{
		"T_zone-1 | over | the template | api-gateway", "T_zone-2 | 5 | ConfigMap tariffs | " +
			"api-gateway", "a | hidden | Secret more | api-gateway",
		"MODE | sidecar | the template | proxy",
	} {
		require.Contains(t, got, want)
	}
	require.Len(t, env(t, c, algesta.Args{"container": "proxy"}), 4)
	book, _ := runbooks.Find("env")
	_, err := book.Answer(t.Context(), c, input("env", algesta.Args{"container": "none"}))
	require.ErrorIs(t, err, algesta.ErrNotFound)
	_, err = book.Answer(t.Context(), c, input("env", algesta.Args{"grep": "("}))
	require.ErrorIs(t, err, algesta.ErrUsage)
}
