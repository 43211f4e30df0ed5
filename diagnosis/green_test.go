package diagnosis_test

import (
	"fmt"
	"strings"
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

// says is a log that a program wrote: each line once a minute until ago before noon, with its time or without.
func says(line string, times int, ago time.Duration, stamped bool) string {
	var b strings.Builder
	for i := range times {
		at := noon.Add(-ago - time.Duration(times-1-i)*time.Minute)
		if stamped {
			fmt.Fprintf(&b, "%s ", at.Format(time.RFC3339))
		}
		fmt.Fprintln(&b, line)
	}
	return b.String()
}

// TestWhatIsGreenIsListenedTo has the only pod of web ready, and its log say something else.
func TestWhatIsGreenIsListenedTo(t *testing.T) {
	t.Parallel()
	const denied = `ERROR FATAL: password authentication failed for user "web"`
	const refused = "ERROR GET http://api/items: connect ECONNREFUSED 10.0.9.9:80"
	calm := strings.Repeat("INFO served GET / 200\n", 30)
	for name, c := range map[string]struct {
		log  string
		want string // the first line; empty: it's healthy
	}{
		"an error that goes on": {
			says(denied, 5, time.Minute, true), "PostgreSQL rejects the credentials of user web, so web is failing although the pods are ready.",
		},
		"an error without times, at the end": {
			calm + says(denied, 5, 0, false), "PostgreSQL rejects the credentials of user web, so web is failing although the pods are ready.",
		},
		"a callee that its log names, and not by its address": {
			says(refused, 4, time.Minute, true), "Service api refuses connections, so web is failing although the pods are ready.",
		},
		"a disk that is full": {
			says("5832:C 10 Mar 2026 14:19:42 # Write error saving DB on disk: No space left on device", 5, 0, false),
			"Container web has no disk space left, so web is failing although the pods are ready.",
		},
		"RabbitMQ's alarm, which it calls information": {
			says("[info] <0.401.0> Free disk space is insufficient. Free bytes: 48089224. Limit: 50000000", 5, time.Minute, true),
			"Container web has no disk space left, so web is failing although the pods are ready.",
		},
		"RabbitMQ's alarm, cleared": {
			says("[info] <0.401.0> Free disk space is insufficient. Free bytes: 48089224. Limit: 50000000", 5, 3*time.Minute, true) +
				says("[warning] <0.397.0> disk resource limit alarm cleared on node rabbit@web-0", 1, time.Minute, true), "",
		},
		"it came once":                          {says(denied, 1, time.Minute, true), ""},
		"it was an hour ago":                    {says(denied, 5, time.Hour, true), ""},
		"it was long ago in a log without time": {says(denied, 5, 0, false) + calm, ""},
		"it came through again":                 {says(refused, 4, 2*time.Minute, true) + says("INFO connected to api", 1, 0, true), ""},
		"it only warns of nothing known":        {says("WARN cache is cold", 9, 0, true), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := facts.NewSnapshot(noon, append(service("web", 1), service("api", 1)...), nil)
			about := s.Subject("web", "production")
			wanted := facts.WantedLogs(s, about)
			require.Len(t, wanted, 1, "the log of the pod is wanted although it is ready")
			s.AddLog(wanted[0], []byte(c.log))
			d := diagnosis.Diagnose(s, about)
			if c.want == "" {
				require.Empty(t, d.Chains, d.Text())
				return
			}
			require.Equal(t, c.want, d.Summary)
			require.NotEqual(t, "high", string(d.Chains[0].Confidence), "one log is one sign")
		})
	}
}

// TestAReadyPodIsListenedToOnlyAFew: the logs of ready pods stay few, however many workloads there are.
func TestAReadyPodIsListenedToOnlyAFew(t *testing.T) {
	t.Parallel()
	var objects []runtime.Object
	for i := range 20 {
		objects = append(objects, service(fmt.Sprintf("svc-%d", i), 3)...)
	}
	s := facts.NewSnapshot(noon, objects, nil)
	require.Len(t, facts.WantedLogs(s, facts.Ref{Kind: facts.KindNamespace, Name: "production"}), facts.MaxReadyLogs)
}

func scaledTo(objects []runtime.Object, replicas int32) []runtime.Object {
	objects[0].(*appsv1.Deployment).Spec.Replicas = &replicas
	return objects[:3] // its pods are gone
}

// TestAServiceThatIsNamedAndAwayIsACauseOfItsCaller has web name api in a way, and api be away in a way.
func TestAServiceThatIsNamedAndAwayIsACauseOfItsCaller(t *testing.T) {
	t.Parallel()
	selectsNothing := func() []runtime.Object {
		objects := service("api", 1)
		objects[2].(*corev1.Service).Spec.Selector = map[string]string{"app": "api", "version": "2"}
		return objects
	}
	zero := func() []runtime.Object { return scaledTo(service("api", 0), 0) }
	for name, c := range map[string]struct {
		variable, value string
		args            []string
		api             []runtime.Object
		want            string
	}{
		"a URL, and it is at zero": {"STOCK_URL", "http://api/items", nil, zero(), "Deployment api is scaled to zero, and web needs " +
			"it."},
		"a host alone in a variable of one": {"API_HOST", "api", nil, zero(), "Deployment api is scaled to zero, and web needs it."},
		"an argument": {"X", "", []string{"--upstream=http://api:80"}, zero(), "Deployment api is scaled to zero, and " +
			"web needs it."},
		"its Service selects nothing": {
			"STOCK_URL", "http://api.production.svc.cluster.local", nil, selectsNothing(),
			"The selector of Service api (app=api,version=2) matches no pod. web calls it.",
		},
		"it is well":              {"STOCK_URL", "http://api", nil, service("api", 1), ""},
		"a word that is no host":  {"MODE", "api", nil, zero(), ""},
		"a host of somebody else": {"STOCK_URL", "http://api.example.com", nil, zero(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			web := withVariables(service("web", 1), corev1.EnvVar{Name: c.variable, Value: c.value})
			web[0].(*appsv1.Deployment).Spec.Template.Spec.Containers[0].Args = c.args
			s := facts.NewSnapshot(noon, append(web, c.api...), nil)
			d := diagnosis.Diagnose(s, s.Subject("web", "production"))
			if c.want == "" {
				require.Empty(t, d.Chains, d.Text())
				return
			}
			require.Equal(t, c.want, d.Summary, d.Text())
		})
	}
}

// TestACommandThatIsHiddenOrWrittenOnWindows looks at exit 127 and its siblings: the file may be in the image all the same.
func TestACommandThatIsHiddenOrWrittenOnWindows(t *testing.T) {
	t.Parallel()
	const notFound = `exec: "/srv/run.sh": stat /srv/run.sh: no such file or directory: unknown`
	mounted := func(at string) func(*corev1.PodSpec) {
		return func(p *corev1.PodSpec) {
			p.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "conf", MountPath: at}}
			p.Volumes = []corev1.Volume{{Name: "conf", VolumeSource: corev1.VolumeSource{
				ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "web-conf"}},
			}}}
		}
	}
	for name, c := range map[string]struct {
		message, log string
		change       func(*corev1.PodSpec)
		keys         map[string]string // of the ConfigMap
		want         string
	}{
		"hidden by a mount over its folder": {
			notFound, "", mounted("/srv"),
			map[string]string{"a.conf": "x"},
			`ConfigMap web-conf is mounted over /srv and hides what the image has there`,
		},
		"the mount holds the file": {notFound, "", mounted("/srv"), map[string]string{"run.sh": "x"}, "the image has no such file"},
		"a mount beside it":        {notFound, "", mounted("/srv/conf"), map[string]string{"a.conf": "x"}, "the image has no such file"},
		"a folder of a like name":  {notFound, "", mounted("/sr"), map[string]string{"a.conf": "x"}, "the image has no such file"},
		"line ends of Windows, by env": {
			"", "/usr/bin/env: 'bash\\r': No such file or directory\n", func(*corev1.PodSpec) {}, nil, `Windows line endings (\r)`,
		},
		"line ends of Windows, by sh": {
			"", "/srv/run.sh: line 2: $'\\r': command not found\n", func(*corev1.PodSpec) {}, nil, `Windows line endings (\r)`,
		},
		"a program that the script calls": {
			"", "/srv/run.sh: line 7: jq: command not found\n", func(*corev1.PodSpec) {}, nil, "it calls jq, which the image does not have",
		},
		"a directory over a file": {
			`error mounting "/var/lib/kubelet/pods/1/volumes/x" to rootfs at "/srv/run.sh": create mountpoint for /srv/run.sh mount: cannot ` +
				`create subdirectories: not a directory: unknown`,
			"", mounted("/srv/run.sh"), nil, "A volume of container web cannot be mounted into it: “/srv/run.sh is not a directory”",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			web := failing(service("web", 1), 2)
			pod := web[3].(*corev1.Pod)
			web[0].(*appsv1.Deployment).Spec.Template.Spec.Containers[0].Command = []string{"/srv/run.sh"}
			pod.Spec.Containers = web[0].(*appsv1.Deployment).Spec.Template.Spec.Containers
			c.change(&pod.Spec)
			end := pod.Status.ContainerStatuses[0].LastTerminationState.Terminated
			end.ExitCode = 127
			if c.message != "" {
				end.ExitCode, end.Reason, end.Message = 128, "StartError", c.message
			}
			config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "production", Name: "web-conf"}, Data: c.keys}
			s := facts.NewSnapshot(noon, append(web, config), nil)
			if c.log != "" {
				s.AddLog(facts.LogRequest{Namespace: "production", Pod: pod.Name, Container: "web", Previous: true}, []byte(c.log))
			}
			require.Contains(t, diagnosis.Diagnose(s, facts.Ref{}).Summary, c.want)
		})
	}
}

// TestWhyANameIsNotResolved has web fail to resolve the name of a Service that stands.
func TestWhyANameIsNotResolved(t *testing.T) {
	t.Parallel()
	const failed = "F dialer error: lookup api.production.svc.cluster.local on 192.0.2.53:53: no such host\n"
	corefile := func(text string) *corev1.ConfigMap {
		return &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "coredns"},
			Data:       map[string]string{"Corefile": text},
		}
	}
	const usual = ".:53 {\n  errors\n  kubernetes cluster.local in-addr.arpa {\n    pods insecure\n  }\n  forward . /etc/resolv.conf\n}\n"
	for name, c := range map[string]struct {
		change func(*corev1.PodSpec)
		config string
		want   string
	}{
		"another resolver": {
			func(p *corev1.PodSpec) {
				p.DNSPolicy, p.DNSConfig = corev1.DNSNone, &corev1.PodDNSConfig{Nameservers: []string{"192.0.2.53"}}
			}, usual, "dnsPolicy None sends its questions to 192.0.2.53",
		},
		"the node's resolver": {func(p *corev1.PodSpec) { p.DNSPolicy = corev1.DNSDefault }, usual, "dnsPolicy Default"},
		"the node's network":  {func(p *corev1.PodSpec) { p.HostNetwork = true }, usual, "ClusterFirstWithHostNet"},
		"a template of CoreDNS": {
			func(*corev1.PodSpec) {}, ".:53 {\n  template ANY ANY production.svc.cluster.local {\n    rcode NXDOMAIN\n  }\n}\n",
			"CoreDNS answers NXDOMAIN for cluster names (a template in ConfigMap coredns)",
		},
		"a template for other names": {
			func(*corev1.PodSpec) {}, ".:53 {\n  template ANY AAAA example.com {\n    rcode NXDOMAIN\n  }\n}\n",
			"The name of Service api cannot be resolved, so",
		},
		"nothing unusual": {func(*corev1.PodSpec) {}, usual, "The name of Service api cannot be resolved, so"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			web := failing(service("web", 1), 2)
			pod := web[3].(*corev1.Pod)
			c.change(&pod.Spec)
			s := facts.NewSnapshot(noon, append(append(web, service("api", 1)...), corefile(c.config)), nil)
			s.AddLog(facts.LogRequest{Namespace: "production", Pod: pod.Name, Container: "web", Previous: true}, []byte(strings.Repeat(failed, 2)))
			require.Contains(t, diagnosis.Diagnose(s, s.Subject("web", "production")).Summary, c.want)
		})
	}
}

// TestCredentialsThatWereChangedAfterTheStart says that the pods still use the value before, where the Secret tells when it was written.
func TestCredentialsThatWereChangedAfterTheStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		changed time.Duration // before noon
		want    string
	}{
		"after the pods started":  {20 * time.Minute, "Secret db was changed 2026-03-10 11:40 UTC, after its pods had started"},
		"before the pods started": {100 * time.Hour, "PostgreSQL rejects the credentials of user web, so"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			web := withVariables(service("web", 1), corev1.EnvVar{Name: "DSN", ValueFrom: &corev1.EnvVarSource{
				SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "db"}, Key: "url"},
			}})
			at := metav1.NewTime(noon.Add(-c.changed))
			secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "production", Name: "db", ManagedFields: []metav1.ManagedFieldsEntry{
				{Time: &at, FieldsV1: metav1.NewFieldsV1(`{"f:data":{"f:url":{}}}`)},
			}}, Data: map[string][]byte{"url": []byte("x")}}
			s := facts.NewSnapshot(noon, append(web, secret), nil)
			about := s.Subject("web", "production")
			s.AddLog(facts.WantedLogs(s, about)[0], []byte(says(`ERROR pq: password authentication failed for user "web"`, 4, time.Minute, true)))
			require.Contains(t, diagnosis.Diagnose(s, about).Summary, c.want)
		})
	}
}
