package dump_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/dump"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// folderOf is a folder as `kubectl cluster-info dump -o yaml` writes it: services with two pods each, one of them crashing, their Secrets,
// and a log of logBytes for each pod.
func folderOf(services, logBytes int) (folder fstest.MapFS, size int) {
	random := rand.New(rand.NewPCG(1, 2)) // the same folder every time
	var pods, deployments, replicaSets, secrets, list, events strings.Builder
	folder = fstest.MapFS{}
	add := func(name, data string) {
		folder[name] = &fstest.MapFile{Data: []byte(data)}
		size += len(data)
	}
	for i := range services {
		name := fmt.Sprintf("svc-%02d", i)
		fmt.Fprintf(&deployments, deploymentYAML, name)
		fmt.Fprintf(&replicaSets, replicaSetYAML, name)
		fmt.Fprintf(&list, serviceYAML, name)
		fmt.Fprintf(&secrets, secretYAML, name, random.Uint64(), random.Uint64())
		for p := range 2 {
			pod := fmt.Sprintf("%s-6d4cf56db6-x%04d", name, p)
			state := runningYAML
			if i == 0 {
				state = crashingYAML
			}
			fmt.Fprintf(&pods, podYAML, pod, name, state)
			fmt.Fprintf(&events, eventYAML, pod, i*2+p)
			add("production/"+pod+"/logs.txt", logOf(random, name, logBytes, i == 0))
		}
	}
	for kind, items := range map[string]*strings.Builder{
		"Pod": &pods, "Deployment": &deployments, "ReplicaSet": &replicaSets, "Service": &list, "Secret": &secrets, "Event": &events,
	} {
		group := "v1"
		if kind == "Deployment" || kind == "ReplicaSet" {
			group = "apps/v1"
		}
		add("production/"+strings.ToLower(kind)+"s.yaml", fmt.Sprintf("apiVersion: %s\nkind: %sList\nitems:\n%s", group, kind, items))
	}
	return folder, size
}

// logOf is a log of lines as services write them: JSON and text, with identifiers, addresses and durations that differ in each.
func logOf(random *rand.Rand, name string, size int, fails bool) string {
	var b strings.Builder
	for n := 0; b.Len() < size; n++ {
		at := fmt.Sprintf("2026-03-10T11:%02d:%02d.%03dZ", n/600%60, n/10%60, n*37%1000)
		switch n % 4 {
		case 0:
			fmt.Fprintf(&b, `{"level":"info","time":%q,"service":%q,"msg":"request completed","path":"/v1/orders/%d","status":200,`+
				`"duration_ms":%d,"trace_id":"%016x%016x"}`+"\n", at, name, random.IntN(1e6), random.IntN(900), random.Uint64(), random.Uint64())
		case 1:
			fmt.Fprintf(&b, "%s 10.244.%d.%d - \"GET /api/v1/items/%x?page=%d HTTP/1.1\" 200 %d \"-\" \"okhttp/4.12.0\"\n",
				at, random.IntN(8), random.IntN(250), random.Uint32(), random.IntN(40), random.IntN(9000))
		case 2:
			fmt.Fprintf(&b, "%s INFO  [worker-%d] c.e.%s.Consumer - processed message offset=%d partition=%d in %d ms\n",
				at, random.IntN(8), name, random.IntN(1e9), random.IntN(12), random.IntN(300))
		case 3:
			fmt.Fprintf(&b, "%s DEBUG cache hit ratio 0.%02d for key session:%08x-%04x size=%d\n",
				at, random.IntN(100), random.Uint32(), random.IntN(65536), random.IntN(5000))
		}
	}
	if fails {
		b.WriteString("2026-03-10T11:59:00.000Z ERROR cannot connect to postgres: dial tcp 10.0.4.7:5432: connect: connection refused\n")
	}
	return b.String()
}

const (
	deploymentYAML = `- metadata: {name: %[1]s, namespace: production, uid: d-%[1]s, generation: 3, labels: {app: %[1]s}}
  spec:
    replicas: 2
    selector: {matchLabels: {app: %[1]s}}
    template:
      metadata: {labels: {app: %[1]s}}
      spec:
        containers:
        - name: app
          image: registry.example.com/%[1]s:1.4.2
          env:
          - {name: LOG_LEVEL, value: info}
          - {name: PASSWORD, valueFrom: {secretKeyRef: {name: %[1]s, key: password}}}
          ports: [{name: http, containerPort: 8080}]
  status: {observedGeneration: 3, replicas: 2, readyReplicas: 2, availableReplicas: 2, updatedReplicas: 2}
`
	replicaSetYAML = `- metadata:
    name: %[1]s-6d4cf56db6
    namespace: production
    uid: r-%[1]s
    labels: {app: %[1]s, pod-template-hash: 6d4cf56db6}
    ownerReferences: [{kind: Deployment, name: %[1]s, apiVersion: apps/v1, uid: d-%[1]s, controller: true}]
  spec: {replicas: 2, selector: {matchLabels: {app: %[1]s, pod-template-hash: 6d4cf56db6}}}
  status: {replicas: 2, readyReplicas: 2}
`
	serviceYAML = `- metadata: {name: %[1]s, namespace: production}
  spec: {selector: {app: %[1]s}, ports: [{name: http, port: 80, targetPort: http}], clusterIP: 10.0.0.7}
`
	secretYAML = `- metadata: {name: %[1]s, namespace: production}
  type: Opaque
  data: {password: "%016[2]x", token: "%016[3]x"}
`
	eventYAML = `- metadata: {name: %[1]s.%[2]x, namespace: production}
  involvedObject: {kind: Pod, name: %[1]s, namespace: production}
  reason: Pulled
  type: Normal
  message: Container image was already present on machine
  lastTimestamp: "2026-03-10T11:00:10Z"
  count: 1
`
	podYAML = `- metadata:
    name: %[1]s
    namespace: production
    creationTimestamp: "2026-03-10T11:00:00Z"
    labels: {app: %[2]s, pod-template-hash: 6d4cf56db6}
    ownerReferences: [{kind: ReplicaSet, name: %[2]s-6d4cf56db6, apiVersion: apps/v1, uid: r-%[2]s, controller: true}]
  spec:
    nodeName: n1
    containers:
    - {name: app, image: "registry.example.com/%[2]s:1.4.2", ports: [{name: http, containerPort: 8080}]}
  status:
    phase: Running
%[3]s`
	runningYAML = `    conditions: [{type: Ready, status: "True", lastTransitionTime: "2026-03-10T11:00:20Z"}]
    containerStatuses: [{name: app, ready: true, restartCount: 0, state: {running: {startedAt: "2026-03-10T11:00:10Z"}}}]
`
	crashingYAML = `    conditions: [{type: Ready, status: "False", lastTransitionTime: "2026-03-10T11:50:00Z"}]
    containerStatuses:
    - name: app
      ready: false
      restartCount: 7
      state: {waiting: {reason: CrashLoopBackOff}}
      lastState: {terminated: {exitCode: 1, reason: Error, finishedAt: "2026-03-10T11:59:00Z"}}
`
)

// BenchmarkFolder is the budget of a folder of 6 MB that logs fill: half a second of CPU. Of objects in YAML the decoding alone takes as
// long. What it answers is checked, too.
func BenchmarkFolder(b *testing.B) {
	for _, of := range []struct {
		name               string
		services, logBytes int
	}{{"logs", 24, 120 << 10}, {"objects", 1400, 0}} {
		b.Run(of.name, func(b *testing.B) {
			folder, size := folderOf(of.services, of.logBytes)
			b.SetBytes(int64(size))
			before := processorTime(b)
			for b.Loop() {
				d, err := dump.ReadFS(folder)
				require.NoError(b, err)
				answer := diagnosis.Diagnose(d.Snapshot(), facts.Ref{})
				require.Contains(b, answer.Text(), "connection refused")
			}
			b.ReportMetric((processorTime(b)-before).Seconds()/float64(b.N), "cpu-s/op")
		})
	}
}

// processorTime is how long this process has computed.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
