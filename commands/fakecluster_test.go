package commands_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/runbooks"
)

// fakeCluster is one Deployment that always comes up at once, and a writer whose answers a test sets.
type fakeCluster struct {
	mu           sync.Mutex
	warns        []string // that a dry run answers
	replicas     int64
	generation   int64
	applied      int          // writes that reached the cluster
	operations   []string     // their operations, in order
	operation    string       // that the Deployment names as its last
	send         func() error // what happens to a patch between its intent and the cluster
	unreadable   error        // the cluster cannot be read
	duringRead   func() error // what happens while the rollout is read
	crashes      string       // when set, the pods crash and say this
	apply        func(n int) error
	verify       func(*fakeCluster) (algesta.Verified, error)
	intended     chan struct{}   // when set, Apply waits for it after the intent
	beforeIntent func()          // when set, called when the object was read, before the intent is committed
	panics       map[string]bool // the methods that panic
	slow         chan struct{}   // when set, reading the Deployment waits for it
	waiting      atomic.Int64    // reads that wait for it now
	coming       bool            // one pod is not ready yet
	touched      atomic.Int64    // reads and writes of any kind
	askedFor     []algesta.Requester
	refuses      error // the Writer for somebody
	late         bool  // reading the rollout takes as long as there is time, and answers then
}

func newFakeCluster() *fakeCluster { return &fakeCluster{replicas: 4, generation: 3} }

func (c *fakeCluster) set(f func(*fakeCluster)) { c.mu.Lock(); defer c.mu.Unlock(); f(c) }

// mayPanic is the mistake of a programmer in this method.
func (c *fakeCluster) mayPanic(method string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.panics[method] {
		panic("a mistake in " + method)
	}
}

func (c *fakeCluster) writes() int { c.mu.Lock(); defer c.mu.Unlock(); return c.applied }

func (c *fakeCluster) Reader(string) (runbooks.Cluster, error) {
	return runbooks.Cluster{Reader: c}, nil
}

func (c *fakeCluster) Writer(_ string, may []string, asked algesta.Requester) (commands.Writer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(may) == 0 {
		return c, nil
	}
	c.askedFor = append(c.askedFor, asked)
	if c.refuses != nil {
		return nil, c.refuses
	}
	return c, nil
}

func (c *fakeCluster) object() map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.replicas
	labels := map[string]any{"app": "api-gateway"}
	return map[string]any{
		"apiVersion": "apps/v1",
		"kind":       "Deployment",
		"metadata": map[string]any{
			"name": "api-gateway-production", "namespace": "production", "uid": "uid-1", "resourceVersion": "7", "generation": c.generation,
			"annotations": map[string]any{algesta.OperationAnnotation: c.operation},
		},
		"spec": map[string]any{
			"replicas": n,
			"selector": map[string]any{"matchLabels": labels},
			"template": map[string]any{
				"metadata": map[string]any{"labels": labels},
				"spec": map[string]any{
					"containers": []any{map[string]any{"name": "api-gateway", "image": "registry.example.com/api-gateway:12345"}},
				},
			},
		},
		"status": map[string]any{
			"observedGeneration": int64(4),
			"replicas":           n,
			"updatedReplicas":    n,
			"readyReplicas":      c.ready(),
			"availableReplicas":  c.ready(),
		},
	}
}

// ready is how many pods are, with c.mu held.
func (c *fakeCluster) ready() int64 {
	if c.coming {
		return c.replicas - 1
	}
	return c.replicas
}

func (c *fakeCluster) Deployment(context.Context, algesta.Object) (*unstructured.Unstructured, error) {
	c.mu.Lock()
	err, slow := c.unreadable, c.slow
	c.mu.Unlock()
	c.touched.Add(1)
	if slow != nil {
		c.waiting.Add(1)
		<-slow
		c.waiting.Add(-1)
	}
	if err != nil {
		return nil, err
	}
	return &unstructured.Unstructured{Object: c.object()}, nil
}

func (c *fakeCluster) List(context.Context, string, string, runtime.Object) error {
	c.touched.Add(1)
	c.mayPanic("List")
	return nil
}

func (c *fakeCluster) Workload(ctx context.Context, _ algesta.Object) (*appsv1.Deployment, []*appsv1.ReplicaSet, []*corev1.Pod, error) {
	c.touched.Add(1)
	c.mayPanic("Workload")
	c.mu.Lock()
	duringRead, late := c.duringRead, c.late
	c.mu.Unlock()
	if late {
		<-ctx.Done()
	}
	if duringRead != nil {
		if err := duringRead(); err != nil {
			return nil, nil, nil, err
		}
	}
	b, err := json.Marshal(c.object())
	if err != nil {
		return nil, nil, nil, err
	}
	var d appsv1.Deployment
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, nil, nil, err
	}
	template, err := json.Marshal(d.Spec.Template)
	if err != nil {
		return nil, nil, nil, err
	}
	hash, err := algesta.TemplateHash(template)
	if err != nil {
		return nil, nil, nil, err
	}
	d.Annotations = map[string]string{rollout.TemplateAnnotation: hash}
	set := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Name: d.Name + "-1", UID: "set-1", Annotations: d.Annotations}}
	var pods []*corev1.Pod
	for i := range d.Status.ReadyReplicas {
		pods = append(pods, readyPod(fmt.Sprintf("%s-%d", set.Name, i)))
	}
	c.mu.Lock()
	says := c.crashes
	c.mu.Unlock()
	if says != "" {
		d.Status.ReadyReplicas, d.Status.AvailableReplicas = 0, 0
		for _, p := range pods {
			crash(p, says)
		}
	}
	return &d, []*appsv1.ReplicaSet{set}, pods, nil
}

func readyPod(name string) *corev1.Pod {
	yes := true
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name:            name,
			UID:             types.UID(name),
			OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", UID: "set-1", Controller: &yes}},
		},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "api-gateway"}}},
		Status: corev1.PodStatus{
			Phase:      corev1.PodRunning,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			ContainerStatuses: []corev1.ContainerStatus{
				{Name: "api-gateway", Ready: true, Started: &yes, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
			},
		},
	}
}

// crash has the pod's container end again and again, with these last words.
func crash(p *corev1.Pod, says string) {
	p.CreationTimestamp = metav1.Now()
	p.Status.Conditions[0].Status = corev1.ConditionFalse
	p.Status.ContainerStatuses[0] = corev1.ContainerStatus{
		Name:         "api-gateway",
		RestartCount: 3,
		State:        corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
		LastTerminationState: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Message: says, FinishedAt: metav1.Now()},
		},
	}
}

func (c *fakeCluster) Check(context.Context, algesta.Change) ([]string, error) {
	c.touched.Add(1)
	c.mayPanic("Check")
	return c.warns, nil
}

func (c *fakeCluster) Apply(
	ctx context.Context,
	change algesta.Change,
	operation string,
	intend func(context.Context, algesta.Intent) error,
) (algesta.Written, error) {
	c.mu.Lock()
	c.touched.Add(1)
	before, hold, send := c.beforeIntent, c.intended, c.send // as they are before anybody can see the intent
	c.mu.Unlock()
	if before != nil {
		before()
	}
	if err := intend(ctx, algesta.Intent{UID: change.UID, ResourceVersion: "7", Generation: 3, PatchHash: "h"}); err != nil {
		return algesta.Written{}, err
	}
	if hold != nil {
		<-hold
	}
	c.mayPanic("Apply")
	if send != nil {
		if err := send(); err != nil {
			return algesta.Written{}, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.applied++
	c.operations = append(c.operations, operation+" "+change.Right())
	c.generation = 4
	if c.apply != nil {
		if err := c.apply(c.applied); err != nil {
			return algesta.Written{}, err
		}
	}
	for _, swap := range change.Swaps {
		if swap.Path == "/spec/replicas" {
			if err := json.Unmarshal(swap.To, &c.replicas); err != nil {
				return algesta.Written{}, err
			}
		}
	}
	return algesta.Written{ResourceVersion: "8", Generation: 4}, nil
}

func (c *fakeCluster) Verify(context.Context, algesta.Change, algesta.Execution) (algesta.Verified, error) {
	c.mayPanic("Verify")
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.verify(c)
}
