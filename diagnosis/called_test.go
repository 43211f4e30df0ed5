package diagnosis_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// onPort5432 moves a service to the port of PostgreSQL.
func onPort5432(objects []runtime.Object) []runtime.Object {
	for _, o := range objects {
		if s, ok := o.(*corev1.Service); ok {
			s.Spec.Ports[0].Port = 5432
		}
	}
	return objects
}

func withVariables(objects []runtime.Object, env ...corev1.EnvVar) []runtime.Object {
	for _, o := range objects {
		switch o := o.(type) {
		case *appsv1.Deployment:
			o.Spec.Template.Spec.Containers[0].Env = env
		case *corev1.Pod:
			o.Spec.Containers[0].Env = env
		}
	}
	return objects
}

// TestACallIsTiedToTheServiceItMeans has ms-orders crash because of a database in the same namespace.
func TestACallIsTiedToTheServiceItMeans(t *testing.T) {
	t.Parallel()
	broken := func(name string) []runtime.Object { return onPort5432(failing(service(name, 1), 0)) }
	well := func(name string) []runtime.Object { return onPort5432(service(name, 1)) }
	variable := func(name, value string) corev1.EnvVar { return corev1.EnvVar{Name: name, Value: value} }
	secret := func(name, secret string) corev1.EnvVar {
		return corev1.EnvVar{
			Name: name,
			ValueFrom: &corev1.EnvVarSource{
				SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: "password"},
			},
		}
	}
	const refused = "psycopg.OperationalError: connection failed: Connection refused"
	const denied = `FATAL: password authentication failed for user "orders"`
	for name, c := range map[string]struct {
		log     string
		env     []corev1.EnvVar
		objects []runtime.Object
		rule    string
		cause   string
	}{
		"the only Service on the port, without a ready pod": {refused, nil, broken("db"), "secret-missing", ""},
		"the only Service on the port, which is well": {
			refused, nil, well("db"), "dependency-refused", "PostgreSQL refuses connections, so every pod of ms-orders keeps crashing.",
		},
		"only the port is told": {"SequelizeConnectionRefusedError: connect ECONNREFUSED " +
			":5432", nil, broken("db"), "secret-missing", ""},
		"an error of no known kind that names it": {
			"Error: handshake with db:5432 ended early", nil, broken("db"), "secret-missing", "",
		},
		"an error that names it after its product": {
			"Error: Could not connect to PostgreSQL db:5432 within 30 s", nil, broken("db"), "secret-missing", "",
		},
		"an error of a call, and a variable that names it": {
			"Error: the broker is unreachable", []corev1.EnvVar{variable("BROKER", "amq://db")}, broken("db"), "secret-missing", "",
		},
		"an error of no call, and a variable that names it": {
			"Error: '80a' is no number", []corev1.EnvVar{variable("BROKER", "amq://db")}, broken("db"), "program-error", "",
		},
		"an error that names a Service which is well": {
			"Error: handshake with db:5432 ended early", nil, well("db"), "program-error", "",
		},
		"SQL Server says it in its own words": {
			"Unhandled exception. Microsoft.Data.SqlClient.SqlException (0x80131904): " +
				"Login failed for user 'app'.", nil, nil, "dependency-auth",
			"SQL Server rejects the credentials of user app, so every pod of ms-orders keeps " +
				"crashing.",
		},
		"Oracle has no listener": {"ORA-12541: Cannot connect. No listener at host db.example.com port " +
			"1521.", nil, nil, "dependency-refused", "Oracle at db.example.com refuses connections, so every pod of ms-orders keeps crashing."},
		"two Services on the port": {
			refused, nil, append(broken("db"), broken("db-copy")...), "dependency-refused",
			"PostgreSQL refuses connections, so every pod of ms-orders keeps crashing.",
		},
		"a variable names it": {
			denied,
			[]corev1.EnvVar{variable("DB_HOST", "db")},
			well("db"), "dependency-auth",
			"Service db rejects the credentials of user orders, so every pod of ms-orders keeps crashing.",
		},
		"a variable names a Service on another port": {
			denied,
			[]corev1.EnvVar{variable("MAIL", "mail")},
			service("mail", 1), "dependency-auth",
			"PostgreSQL rejects the credentials of user orders, so every pod of ms-orders keeps crashing.",
		},
		"a variable names the workload's own Service": {
			"Error: connect ECONNREFUSED",
			[]corev1.EnvVar{variable("APP_NAME", "ms-orders")},
			nil, "dependency-refused",
			"What ms-orders calls refuses connections, so every pod of ms-orders keeps crashing.",
		},
		"the password comes from a Secret, the host from a map": {
			denied, []corev1.EnvVar{secret("DB_PASSWORD", "pg-app"), variable("DB_HOST", "db")}, well("db"), "dependency-auth", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := withVariables(failing(service("ms-orders", 1), 2), c.env...)
			s := facts.NewSnapshot(noon, append(objects, c.objects...), nil)
			s.AddLog(
				facts.LogRequest{Namespace: "production", Pod: "ms-orders-6d4cf56db6-00000", Container: "ms-orders", Previous: true},
				[]byte(c.log),
			)
			d := diagnosis.Diagnose(s, facts.Ref{Kind: facts.KindDeployment, Namespace: "production", Name: "ms-orders"})
			require.NotEmpty(t, d.Chains)
			require.Equal(t, c.rule, d.Chains[0].Rule, d.Text())
			if c.cause != "" {
				require.Equal(t, c.cause, d.Summary)
			}
		})
	}
}

// TestWhatAnInitContainerWaitsFor has the init container of ms-orders run for ten minutes.
func TestWhatAnInitContainerWaitsFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		command []string
		log     string
		other   []runtime.Object
		rule    string
	}{
		"its command names a Service that is down": {
			[]string{"sh", "-c", "until nc -z db 5432; do sleep 2; done"}, "", failing(service("db", 1), 0), "secret-missing",
		},
		"its last words name it": {[]string{"/wait"}, "waiting for db", failing(service("db", 1), 0), "secret-missing"},
		"it is well": {
			[]string{"sh", "-c", "until nc -z db 5432; do sleep 2; done"}, "", service("db", 1), "init-waits",
		},
		"a word of a script is no name": {[]string{"sh", "-c", "/opt/db/migrate"}, "", failing(service("db", 1), 0), "init-waits"},
		"its own Service":               {[]string{"sh", "-c", "until nslookup ms-orders; do sleep 2; done"}, "", nil, "init-waits"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := service("ms-orders", 1)
			for _, o := range objects {
				p, ok := o.(*corev1.Pod)
				if !ok {
					continue
				}
				p.Spec.InitContainers = []corev1.Container{{Name: "wait", Command: c.command}}
				p.Status.Phase = corev1.PodPending
				p.Status.Conditions[0].Status = corev1.ConditionFalse
				p.Status.InitContainerStatuses = []corev1.ContainerStatus{
					{
						Name:  "wait",
						State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(noon.Add(-10 * time.Minute))}},
					},
				}
				p.Status.ContainerStatuses[0] = corev1.ContainerStatus{
					Name:  "ms-orders",
					State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "PodInitializing"}},
				}
			}
			s := facts.NewSnapshot(noon, append(objects, c.other...), nil)
			s.AddLog(facts.LogRequest{Namespace: "production", Pod: "ms-orders-6d4cf56db6-00000", Container: "wait"}, []byte(c.log))
			d := diagnosis.Diagnose(s, facts.Ref{Kind: facts.KindDeployment, Namespace: "production", Name: "ms-orders"})
			require.NotEmpty(t, d.Chains)
			require.Equal(t, c.rule, d.Chains[0].Rule, d.Text())
		})
	}
}

func TestPodsThatTheirOwnLimitsEvict(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		message string
		times   int
		want    string
	}{
		"again and again": {"Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ", 3, "Pods of ms-orders are " +
			"evicted: Pod ephemeral local storage usage exceeds the total limit of containers 1Gi; 3 times within the hour."},
		"an emptyDir": {
			`Usage of EmptyDir volume "tmp" exceeds the limit "100Mi". `, 4,
			`Pods of ms-orders are evicted: Usage of EmptyDir volume "tmp" exceeds the limit "100Mi"; 4 times within the hour.`,
		},
		"once":                 {"Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ", 1, ""},
		"for want of the node": {"The node was low on resource: memory. Threshold quantity: 100Mi, available: 88Mi. ", 5, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := service("ms-orders", 1)
			for i := range c.times {
				p := objects[3].DeepCopyObject().(*corev1.Pod)
				p.Name += string(rune('a' + i))
				p.CreationTimestamp = metav1.NewTime(noon.Add(-time.Duration(10+i) * time.Minute))
				p.Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: c.message}
				objects = append(objects, p)
			}
			d := diagnosis.Diagnose(facts.NewSnapshot(noon, objects, nil), facts.Ref{})
			if c.want == "" {
				require.Equal(t, diagnosis.Healthy, d.Verdict, d.Text())
				return
			}
			require.Equal(t, c.want, d.Summary)
			require.Equal(t, diagnosis.Risky, d.Verdict)
		})
	}
}

func TestWhyAWebhookCannotBeCalled(t *testing.T) {
	t.Parallel()
	const call = `Internal error occurred: failed calling webhook "check.example.com": failed to call webhook: Post ` +
		`"https://check.policy.svc:443/v1?timeout=3s": `
	for why, want := range map[string]string{
		"context deadline exceeded": "Admission webhook check.example.com does not answer",
		"tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-03-10T11:59:00Z is after " +
			"2026-03-09T00:00:00Z": "Admission webhook check.example.com cannot be called: its certificate has expired or is not valid yet",
		"tls: failed to verify certificate: x509: certificate signed by unknown authority": "Admission webhook " +
			"check.example.com cannot be called: the API server does not trust its certificate",
		"tls: failed to verify certificate: x509: certificate is valid for a.b.svc, not check.policy.svc": "Admission webhook " +
			"check.example.com cannot be called: its certificate is for another name",
		`service "check" not found`: "Admission webhook check.example.com cannot be called: its Service does not exist",
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			objects := service("ms-orders", 1)[:3]
			objects[1].(*appsv1.ReplicaSet).Status.Conditions = []appsv1.ReplicaSetCondition{
				{
					Type:               appsv1.ReplicaSetReplicaFailure,
					Status:             corev1.ConditionTrue,
					Reason:             "FailedCreate",
					Message:            call + why,
					LastTransitionTime: metav1.NewTime(noon.Add(-time.Hour)),
				},
			}
			d := diagnosis.Diagnose(facts.NewSnapshot(noon, objects, nil), facts.Ref{})
			require.Equal(t, want+", so no pod of ms-orders can be created.", d.Summary)
		})
	}
}

func TestAKeyThatIsNearlyTheVariableIsShown(t *testing.T) {
	t.Parallel()
	objects := failing(service("sender", 1), 2)
	for _, o := range objects {
		if p, ok := o.(*corev1.Pod); ok {
			p.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{
				{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "sender-env"}}},
			}
		}
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "production", Name: "sender-env"},
		Data:       map[string][]byte{"SENDGRID_KEY": []byte("x"), "SENDER": []byte("y")},
	}
	s := facts.NewSnapshot(noon, append(objects, secret), nil)
	s.AddLog(
		facts.LogRequest{Namespace: "production", Pod: "sender-6d4cf56db6-00000", Container: "sender", Previous: true},
		[]byte("Error: Missing required environment variable: SENDGRID_API_KEY"),
	)
	d := diagnosis.Diagnose(s, facts.Ref{})
	require.Equal(t, "missing-variable", d.Chains[0].Rule)
	require.Contains(t, d.Text(), "secret/sender-env data: “it has the key SENDGRID_KEY”")
}

func TestARegistryWhoseCertificateIsNotAccepted(t *testing.T) {
	t.Parallel()
	objects := failing(service("web", 1), 1)
	objects[3].(*corev1.Pod).Status.ContainerStatuses[0].State.Waiting.Message = `failed to do request: Head ` +
		`"https://registry.example.com/v2/web/manifests/1": tls: failed to verify certificate: x509: certificate signed by unknown authority`
	d := diagnosis.Diagnose(facts.NewSnapshot(noon, objects, nil), facts.Ref{})
	require.Equal(
		t,
		"The nodes do not accept the certificate of registry registry.example.com, which has image registry.example.com/web:1, so no pod of "+
			"web can start.",
		d.Summary,
	)
}

// TestTheOtherContainerIsWhyNothingListensInThePod has a program call its proxy, which ends for a reason of its own.
func TestTheOtherContainerIsWhyNothingListensInThePod(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		crashes bool
		want    []string
	}{"the proxy ends, too": {true, []string{"program-error"}}, "the proxy runs": {false, []string{"dependency-refused"}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := failing(service("api", 1), 2)
			p := objects[3].(*corev1.Pod)
			p.Spec.Containers = append([]corev1.Container{}, p.Spec.Containers[0], corev1.Container{Name: "proxy"})
			status := p.Status.ContainerStatuses[0]
			status.Name = "proxy"
			if !c.crashes {
				status = corev1.ContainerStatus{
					Name:  "proxy",
					Ready: true,
					State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(noon.Add(-time.Hour))}},
				}
			}
			p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, status)
			s := facts.NewSnapshot(noon, objects, nil)
			for container, log := range map[string]string{"api": "Error: connect ECONNREFUSED 127.0.0.1:5432", "proxy": "fatal: googleapi: Error " +
				"403: not authorized"} {
				s.AddLog(facts.LogRequest{Namespace: p.Namespace, Pod: p.Name, Container: container, Previous: true}, []byte(log))
			}
			d := diagnosis.Diagnose(s, facts.Ref{})
			require.Equal(t, c.want, rulesOf(d), d.Text())
		})
	}
}
