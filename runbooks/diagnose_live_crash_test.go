package runbooks_test

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/sandbox/control"
)

func TestTheFirstLineNamesAProgramThatCrashedOften(t *testing.T) {
	t.Parallel()
	newBrokenNamespace(t, control.ForTest(t)).diagnose(t, 11*time.Minute, map[string]brokenCase{ // a crash loop may pause for ten minutes
		"three restarts, and it runs": {
			rule: "restarts-often", made: made(app("flaky", "12346-flaky")),
			says:    "Container app of flaky has restarted 3 times, the last time ….",
			command: "kubectl logs flaky-",
		},
	})
}

func TestTheFirstLineNamesWhyAProgramCrashes(t *testing.T) {
	t.Parallel()
	newBrokenNamespace(t, control.ForTest(t)).diagnose(t, 0, map[string]brokenCase{
		"a variable that the program misses": {
			rule: "missing-variable",
			made: made(app("env", "12346-crash")),
			was:  "12345",
			says: "Deployment env needs the environment variable PAYMENTS_URL, which its template does not set, so the new pods of env keep " +
				"crashing; 1 ready pod still serves.",
			command: "/algesta rollback env NS",
		},
		"a database that refuses the password": {
			rule: "dependency-auth", made: made(app("mongo-auth", "12346-crash-mongo", mongoSecret("mongodb-credentials"))),
			says:    "MongoDB rejects the credentials, so every pod of mongo-auth keeps crashing.",
			command: "/algesta restart mongo-auth NS",
		},
		"a database whose name is unknown": {
			rule: "dependency-dns", made: made(app("mongo-dns", "12346-crash-dns", mongoSecret("mongodb-credentials"))),
			says:    "The name of MongoDB at cluster9.example.mongodb.net cannot be resolved, so every pod of mongo-dns keeps crashing.",
			command: "kubectl logs mongo-dns-",
		},
		"a database that does not listen": {
			rule: "dependency-refused", made: made(app("mongo-refused", "12346-crash-refused", mongoSecret("mongodb-credentials"))),
			says:    "MongoDB at 10.224.8.17:27017 refuses connections, so every pod of mongo-refused keeps crashing.",
			command: "kubectl logs mongo-refused-",
		},
		"a database whose certificate is old": {
			rule: "dependency-tls", made: made(app("mongo-tls", "12346-crash-tls")),
			says:    "The TLS connection to MongoDB fails: the certificate has expired, so every pod of mongo-tls keeps crashing.",
			command: "kubectl logs mongo-tls-",
		},
		"a database that does not answer": {
			rule: "dependency-timeout", made: made(app("mongo-timeout", "12346-crash-timeout")),
			says:    "MongoDB at 10.224.8.19:27017 does not answer, so every pod of mongo-timeout keeps crashing.",
			command: "kubectl logs mongo-timeout-",
		},
		"a database that does not know us": {
			rule: "dependency-allow-list", made: made(app("mongo-allowlist", "12346-crash-allowlist")),
			says:    "MongoDB does not admit the cluster's address, so every pod of mongo-allowlist keeps crashing.",
			command: "kubectl logs mongo-allowlist-",
		},
		"a database that is full": {
			rule: "dependency-full", made: made(app("postgres-full", "12346-crash-full")),
			says:    "PostgreSQL has no connections left, so every pod of postgres-full keeps crashing.",
			command: "kubectl logs postgres-full-",
		},
		"V8's heap": {
			rule: "heap-exhausted", made: made(app("heap", "12346-crash-heap")),
			says:    "Container app runs out of heap, so every pod of heap keeps crashing.",
			command: "kubectl describe pod heap-",
		},
		"more memory than its limit": {
			rule: "out-of-memory",
			made: made(app("oom", "12346-oom", container(func(c *corev1.Container) { c.Resources.Limits = amounts("memory", "64Mi") }))),
			says: "Container app of oom is killed for using more memory than allowed (limit 64Mi), so every pod of oom keeps " +
				"crashing.",
			command: "kubectl set resources deployment/oom -n NS -c app --limits=memory=128Mi",
		},
		"more memory than its new limit": {
			rule: "out-of-memory",
			made: made(
				app("oom-new", "12346-oom", replicas(2), container(func(c *corev1.Container) { c.Resources.Limits = amounts("memory", "64Mi") })),
			),
			was: "12345",
			says: "Container app of oom-new is killed for using more memory than allowed (limit 64Mi), so the new pods of " +
				"oom-new keep crashing; 2 ready pods still serve.",
			command: "/algesta rollback oom-new NS",
		},
		"a port that is taken": {
			rule: "port-in-use", made: made(app("port", "12346-crash-port")),
			says:    "Port 3000, on which container app wants to listen, is already taken in its pod, so every pod of port keeps crashing.",
			command: "kubectl describe pod port-",
		},
		"a disk that is full": {
			rule: "disk-full", made: made(app("disk", "12346-crash-disk")),
			says:    "Container app has no disk space left, so every pod of disk keeps crashing.",
			command: "kubectl describe pod disk-",
		},
		"a file that it may not read": {
			rule: "file-permission", made: made(app("permission", "12346-crash-permission")),
			says:    "Container app is denied access to /data/uploads/index.json, so every pod of permission keeps crashing.",
			command: "kubectl describe pod permission-",
		},
		"a module that was not packed": {
			rule: "broken-build", made: made(app("module", "12346-crash-module")),
			says:    "The image of container app lacks express-rate-limit, so every pod of module keeps crashing.",
			command: "kubectl describe pod module-",
		},
		"a panic": {
			rule: "exit-panic",
			made: made(app("panic", "12346-crash-panic")),
			says: "The program in container app panics: “runtime error: invalid memory address or nil pointer dereference”, so every " +
				"pod of panic keeps crashing.",
			command: "kubectl logs panic-",
		},
		"a line that nobody knows": {
			rule: "program-error",
			made: made(app("unknown", "12346-crash-unknown")),
			says: "The program in container app ends with exit code 3 after “tariff table 2026-11 has no row for zone 7, giving up”, so every " +
				"pod of unknown keeps crashing.",
			command: "kubectl logs unknown-",
		},
		"a command that ends": {
			rule: "exit-zero", made: made(app("exit-0", "12346-exit-0")),
			says:    "The command of container app ends with exit code 0, so every pod of exit-0 keeps crashing.",
			command: "kubectl logs exit-0-",
		},
		"a command that is not executable": {
			rule: "command-not-found", made: made(app("exit-126", "12346-exit-126")),
			says:    "The command of container app cannot be run: it is not executable, so no pod of exit-126 can start.",
			command: "kubectl describe pod exit-126-",
		},
		"a command that the shell misses": {
			rule: "command-not-found", made: made(app("exit-127", "12346-exit-127")),
			says: "The command of container app cannot be run: it calls nodemon, which the image does not have, so no pod of exit-127 can " +
				"start.",
			command: "kubectl describe pod exit-127-",
		},
		"a command that is not in the image": {
			rule: "command-not-found",
			made: made(
				app("nocommand", "12346-nocommand", container(func(c *corev1.Container) { c.Command = []string{"/app/server", "--port=3000"} })),
			),
			says:    `The command "/app/server" of container app cannot be run: the image has no such file, so no pod of nocommand can start.`,
			command: "kubectl describe pod nocommand-",
		},
		"an abort": {
			rule: "exit-abort", made: made(app("exit-134", "12346-exit-134")),
			says:    "The program in container app aborts (exit code 134), so every pod of exit-134 keeps crashing.",
			command: "kubectl logs exit-134-",
		},
		"a kill": {
			rule: "exit-killed", made: made(app("exit-137", "12346-exit-137")),
			says:    "Something kills container app (exit code 137, not for its memory limit), so every pod of exit-137 keeps crashing.",
			command: "kubectl logs exit-137-",
		},
		"a memory fault": {
			rule: "exit-segfault", made: made(app("exit-139", "12346-exit-139")),
			says:    "The program in container app crashes with a memory fault (exit code 139), so every pod of exit-139 keeps crashing.",
			command: "kubectl logs exit-139-",
		},
		"a stop": {
			rule: "exit-terminated", made: made(app("exit-143", "12346-exit-143")),
			says:    "Something stops container app again and again (exit code 143), so every pod of exit-143 keeps crashing.",
			command: "kubectl logs exit-143-",
		},
		"a container that its node lost": {
			rule: "node-lost-container", made: made(app("exit-255", "12346-exit-255")),
			says:    "Node aks-… lost container app, so every pod of exit-255 keeps crashing.",
			command: "kubectl logs exit-255-",
		},
		"a liveness probe": {
			rule:       "liveness-kill",
			made:       made(app("liveness", "12346-liveness", container(func(c *corev1.Container) { c.LivenessProbe = healthProbe() }))),
			onlyEvents: true,
			says: "The liveness probe of container app fails and the kubelet restarts it (the program answers with a server error), so " +
				"every pod of liveness keeps crashing.",
			command: "kubectl describe pod liveness-",
		},
		"a startup probe": {
			rule:       "startup-kill",
			made:       made(app("startup", "12346-startup", container(func(c *corev1.Container) { c.StartupProbe = healthProbe() }))),
			onlyEvents: true,
			says: "The startup probe of container app fails and the kubelet restarts it (nothing listens on port 3000 within its 30 s), so " +
				"every pod of " +
				"startup keeps crashing.",
			command: "kubectl describe pod startup-",
		},
		"an eviction": {
			rule: "evicted", made: made(app("evicted", "12346-evicted")),
			says:    "Pods of evicted are evicted: The node was low on resource: memory.",
			command: "kubectl describe pod evicted-",
		},
		"one of twenty containers": {
			rule: "exit-panic",
			made: made(app("twenty", "12346", twenty)),
			says: "The program in container m panics: “runtime error: invalid memory address or nil pointer dereference”, so every pod " +
				"of twenty keeps crashing.",
			command: "kubectl logs twenty-",
		},
	})
}

// twenty gives a pod nineteen more containers, of which one crashes.
func twenty(d *appsv1.Deployment) {
	spec := &d.Spec.Template.Spec
	for _, name := range []string{"b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t"} {
		c := *spec.Containers[0].DeepCopy()
		c.Name = name
		if name == "m" {
			c.Image = registry + "12346-crash-panic"
		}
		spec.Containers = append(spec.Containers, c)
	}
}
