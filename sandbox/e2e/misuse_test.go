package e2e

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// misuse is something that the bot never does, tried with its token.
type misuse func(ctx context.Context, c kubernetes.Interface) error

// patching is a strategic merge patch of the gateway, which is never stored.
func (w *world) patching(patch string) misuse {
	return func(ctx context.Context, c kubernetes.Interface) error {
		_, err := c.AppsV1().Deployments(w.production).Patch(
			ctx, "api-gateway-production", types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}},
		)
		return err
	}
}

// scaling is a merge patch of the autoscaler, which is never stored.
func (w *world) scaling(patch string) misuse {
	return func(ctx context.Context, c kubernetes.Interface) error {
		_, err := c.AutoscalingV2().HorizontalPodAutoscalers(w.production).Patch(
			ctx, "pins-production-hpa", types.MergePatchType, []byte(patch), metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}},
		)
		return err
	}
}

// byPolicy is what the Roles allow and the admission policy refuses.
func (w *world) byPolicy() map[string]misuse {
	container := func(more string) string {
		return `{"spec":{"template":{"spec":{"containers":[{"name":"api-gateway",` + more + `}]}}}}`
	}
	pod := func(more string) string { return `{"spec":{"template":{"spec":{` + more + `}}}}` }
	return map[string]misuse{
		"an image from elsewhere":       w.patching(container(`"image":"evil.example.com/api-gateway:12345"`)),
		"a repository with a like name": w.patching(container(`"image":"registry.example.com/api-gateway-two:12345"`)),
		"another ServiceAccount":        w.patching(pod(`"serviceAccountName":"default"`)),
		"the node's network":            w.patching(pod(`"hostNetwork":true`)),
		"a folder of the node":          w.patching(pod(`"volumes":[{"name":"node","hostPath":{"path":"/etc"}}]`)),
		"added capabilities":            w.patching(container(`"securityContext":{"capabilities":{"add":["NET_ADMIN"]}}`)),
		"a sidecar from elsewhere":      w.patching(pod(`"containers":[{"name":"side","image":"evil.example.com/side:1"}]`)),
		"an init container":             w.patching(pod(`"initContainers":[{"name":"first","image":"evil.example.com/first:1"}]`)),
		"another label":                 w.patching(`{"metadata":{"labels":{"team":"evil"}}}`),
		"an identity of the cloud":      w.patching(`{"spec":{"template":{"metadata":{"labels":{"azure.workload.identity/use":"true"}}}}}`),
		"a thousand pods":               w.patching(`{"spec":{"replicas":1000}}`),
		"another strategy":              w.patching(`{"spec":{"minReadySeconds":5}}`),
		"an autoscaler of a thousand":   w.scaling(`{"spec":{"maxReplicas":1000}}`),
		"an autoscaler of another": w.scaling(
			`{"spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"restarts-production"}}}`),
		"a namespace for privileged pods": func(ctx context.Context, c kubernetes.Interface) error {
			_, err := c.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
				Name: "evil-" + w.production, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "privileged"},
			}}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			return err
		},
	}
}

// byRoles is what the Roles don't allow.
func (w *world) byRoles() map[string]misuse {
	return map[string]misuse{
		"reading Secrets": func(ctx context.Context, c kubernetes.Interface) error {
			_, err := c.CoreV1().Secrets(w.production).List(ctx, metav1.ListOptions{})
			return err
		},
		"reading a Secret": func(ctx context.Context, c kubernetes.Interface) error {
			_, err := c.CoreV1().Secrets(w.production).Get(ctx, "mongodb-credentials", metav1.GetOptions{})
			return err
		},
		"a shell": func(ctx context.Context, c kubernetes.Interface) error {
			return c.CoreV1().RESTClient().Post().Namespace(w.production).Resource("pods").Name("any").SubResource("exec").Do(ctx).Error()
		},
		"deleting a service": func(ctx context.Context, c kubernetes.Interface) error {
			tried := metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}}
			return c.AppsV1().Deployments(w.production).Delete(ctx, "api-gateway-production", tried)
		},
		"a change elsewhere": func(ctx context.Context, c kubernetes.Interface) error {
			_, err := c.AppsV1().Deployments("kube-system").Patch(ctx, "any", types.MergePatchType, []byte(`{}`), metav1.PatchOptions{})
			return err
		},
		"more rights": func(ctx context.Context, c kubernetes.Interface) error {
			binding := &rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Name: "evil"}, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "cluster-admin"},
			}
			_, err := c.RbacV1().RoleBindings(w.production).Create(ctx, binding, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			return err
		},
		"another's token": func(ctx context.Context, c kubernetes.Interface) error {
			_, err := c.CoreV1().ServiceAccounts(w.production).CreateToken(ctx, "default", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
			return err
		},
		"switching the policy off": func(ctx context.Context, c kubernetes.Interface) error {
			return c.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().
				DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
		},
	}
}

// loosened is what takes a hardening away, gives a pod what others obey, or goes around what the policy looks at.
func (w *world) loosened() map[string]misuse {
	container := func(more string) string {
		return `{"spec":{"template":{"spec":{"containers":[{"name":"api-gateway",` + more + `}]}}}}`
	}
	security := func(more string) misuse { return w.patching(container(`"securityContext":` + more)) }
	pod := func(more string) misuse { return w.patching(`{"spec":{"template":{"spec":{` + more + `}}}}`) }
	volume := func(more string) misuse {
		return pod(`"volumes":[{"name":"code",` + more + `}],` +
			`"containers":[{"name":"api-gateway","volumeMounts":[{"name":"code","mountPath":"/code"}]}]`)
	}
	swapped := pod(`"volumes":[{"$patch":"replace"},{"name":"node","emptyDir":{}},{"name":"data","hostPath":{"path":"/var/log"}}]`)
	meta := func(more string) misuse { return w.patching(`{"spec":{"template":{"metadata":{` + more + `}}}}`) }
	older := func(patch string) misuse {
		return func(ctx context.Context, c kubernetes.Interface) error {
			_, err := c.AutoscalingV1().HorizontalPodAutoscalers(w.production).Patch(
				ctx, "pins-production-hpa", types.MergePatchType, []byte(patch), metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}},
			)
			return err
		}
	}
	namespace := func(meta metav1.ObjectMeta) misuse {
		return func(ctx context.Context, c kubernetes.Interface) error {
			meta.Name = "evil-" + w.production
			_, err := c.CoreV1().Namespaces().Create(
				ctx, &corev1.Namespace{ObjectMeta: meta}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}},
			)
			return err
		}
	}
	labelled := func(key, value string) misuse {
		return namespace(metav1.ObjectMeta{Labels: map[string]string{key: value}})
	}
	quota := func(namespace string) misuse {
		return func(ctx context.Context, c kubernetes.Interface) error {
			none := corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")}
			_, err := c.CoreV1().ResourceQuotas(namespace).Create(
				ctx, &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "none"}, Spec: corev1.ResourceQuotaSpec{Hard: none}},
				metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}},
			)
			return err
		}
	}
	return map[string]misuse{
		"no pods any more":                         quota(w.production),
		"no pods of the cluster's own":             quota(metav1.NamespaceSystem),
		"escalation that isn't forbidden any more": security(`{"allowPrivilegeEscalation":null}`),
		"capabilities that aren't dropped":         security(`{"capabilities":{"drop":null}}`),
		"no security context":                      security(`null`),
		"root in a container":                      security(`{"runAsUser":0,"runAsNonRoot":false}`),
		"no user of its own":                       security(`{"runAsUser":null}`),
		"no seccomp":                               security(`{"seccompProfile":{"type":"Unconfined"}}`),
		"no AppArmor":                              security(`{"appArmorProfile":{"type":"Unconfined"}}`),
		"another SELinux type":                     security(`{"seLinuxOptions":{"type":"spc_t"}}`),
		"a file system that can be written":        security(`{"readOnlyRootFilesystem":false}`),
		"a priority of the system":                 pod(`"priorityClassName":"system-node-critical"`),
		"root in a pod":                            pod(`"securityContext":{"runAsUser":0,"runAsNonRoot":false}`),
		"no seccomp in a pod":                      pod(`"securityContext":{"seccompProfile":null}`),
		"other groups":                             pod(`"securityContext":{"supplementalGroups":[0]}`),
		"kernel settings":                          pod(`"securityContext":{"sysctls":[{"name":"kernel.msgmax","value":"1"}]}`),
		"a weaker sidecar":                         pod(`"containers":[{"name":"side","image":"registry.example.com/api-gateway:1"}]`),
		"a port of the node":                       w.patching(container(`"ports":[{"containerPort":8080,"hostPort":80}]`)),
		"a node's name":                            pod(`"nodeName":"n1"`),
		"another runtime":                          pod(`"runtimeClassName":"weak"`),
		"an image as a volume":                     volume(`"image":{"reference":"evil.example.com/code:1"}`),
		"a file server":                            volume(`"nfs":{"server":"evil.example.com","path":"/"}`),
		"a driver":                                 volume(`"csi":{"driver":"evil.example.com"}`),
		"a token for others":                       volume(`"projected":{"sources":[{"serviceAccountToken":{"path":"t","audience":"vault"}}]}`),
		"a role of the cloud":                      meta(`"annotations":{"iam.amazonaws.com/role":"admin"}`),
		"a role of a vault":                        meta(`"annotations":{"vault.hashicorp.com/role":"admin"}`),
		"an image of a mesh":                       meta(`"annotations":{"sidecar.istio.io/proxyImage":"evil.example.com/proxy:1"}`),
		"a profile by an annotation":               meta(`"annotations":{"io.kubernetes.cri-o.userns-mode":"host"}`),
		"an identity by a label":                   meta(`"labels":{"aadpodidbinding":"admin"}`),
		"a mesh that lets go":                      meta(`"annotations":{"linkerd.io/inject":"disabled"}`),
		"traffic around a mesh":                    meta(`"annotations":{"traffic.sidecar.istio.io/excludeOutboundIPRanges":"0.0.0.0/0"}`),
		"a mesh by a label":                        meta(`"labels":{"istio.io/dataplane-mode":"none"}`),
		"a device":                                 meta(`"annotations":{"cdi.k8s.io/x":"vendor.com/net=eth0"}`),
		"a file of a node":                         meta(`"annotations":{"devices.nri.io/container.api-gateway":"- path: /dev/kmsg"}`),
		"another hypervisor":                       meta(`"annotations":{"io.katacontainers.config.hypervisor.path":"/bin/evil"}`),
		"the label of a client":                    meta(`"labels":{"role":"database-client"}`),
		"a group of root":                          pod(`"securityContext":{"fsGroup":0}`),
		"no group of its own":                      pod(`"securityContext":{"fsGroup":null}`),
		"groups by a policy":                       pod(`"securityContext":{"supplementalGroupsPolicy":"Strict"}`),
		"nodes of others":                          pod(`"tolerations":[{"operator":"Exists"}]`),
		"processes of others":                      pod(`"shareProcessNamespace":true`),
		"claims of a device":                       pod(`"resourceClaims":[{"name":"gpu","resourceClaimName":"x"}]`),
		"a folder of the node in another's place":  swapped,
		"a finalizer of pods":                      meta(`"finalizers":["evil.example.com/keep"]`),
		"an annotation that others obey":           w.patching(`{"metadata":{"annotations":{"keel.sh/policy":"all"}}}`),
		"a repository that is a registry":          w.patching(container(`"image":"registry.example.com/api-gateway:5000/evil/x"`)),
		"a metric by an older API":                 older(`{"spec":{"targetCPUUtilizationPercentage":1}}`),
		"metrics":                                  w.scaling(`{"spec":{"metrics":null}}`),
		"a namespace without a guard":              labelled("admission.gatekeeper.sh/ignore", "yes"),
		"a namespace for good":                     namespace(metav1.ObjectMeta{Finalizers: []string{"evil.example.com/keep"}}),
		"a namespace with a note":                  namespace(metav1.ObjectMeta{Annotations: map[string]string{"example.com/x": "y"}}),
	}
}

// hardened is what a workload looks like that gives little to whoever breaks in.
const hardened = `{"spec":{"template":{"spec":{"securityContext":{"runAsNonRoot":true,"fsGroup":2000,` +
	`"seccompProfile":{"type":"RuntimeDefault"}},` +
	`"volumes":[{"name":"node","hostPath":{"path":"/var/log"}},{"name":"data","emptyDir":{}}],` +
	`"initContainers":[{"name":"first",` + contained + `}],"containers":[{"name":"api-gateway",` + contained + mounts + `},{"name":"agent",` +
	contained + `,"env":[{"name":"POD","value":"mine"}],"ports":[{"containerPort":9000,"hostPort":9000,"hostIP":"127.0.0.1"}],` +
	`"readinessProbe":{"httpGet":{"host":"127.0.0.1","port":9000}},` +
	`"volumeMounts":[{"name":"node","mountPath":"/node","readOnly":true,"subPathExpr":"$(POD)"}]}]}}}}`

const (
	contained = `"image":"registry.example.com/api-gateway:1","securityContext":{"allowPrivilegeEscalation":false,"runAsUser":65532,` +
		`"readOnlyRootFilesystem":true,"capabilities":{"drop":["ALL"]},"appArmorProfile":{"type":"RuntimeDefault"}}`
	mounts = `,"volumeMounts":[{"name":"node","mountPath":"/node","readOnly":true},{"name":"data","mountPath":"/data"}]`
)

// TestAStolenTokenTakesNoHardeningAway in either mode, by no other version of the API and by nothing that others obey.
func TestAStolenTokenTakesNoHardeningAway(t *testing.T) {
	t.Parallel()
	var i installation
	first, pins := gateway(), gateway()
	first.tags, pins.name, pins.tags = first.tags[1:], "pins", pins.tags[1:]
	w := newWorld(t, options{
		services: []service{first, pins}, policy: everything, account: i.account,
		before: func(w *world) { w.autoscale("pins-production", 1, 5) },
	})
	w.refusedInTime(t, i)
	client, err := kubernetes.NewForConfig(i.cfg)
	require.NoError(t, err)
	deployments := w.cluster.Client.AppsV1().Deployments(w.production)
	_, err = deployments.Patch(
		t.Context(), "api-gateway-production", types.StrategicMergePatchType, []byte(hardened), metav1.PatchOptions{},
	)
	require.NoError(t, err)
	all := w.loosened()
	maps.Copy(all, w.byPolicy())
	maps.Copy(all, w.ledElsewhere())
	harmless := []misuse{
		w.patching(`{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"2026-11-30T12:00:00Z"}}}}}`),
		w.patching(`{"spec":{"template":{"spec":{"containers":[{"name":"api-gateway","image":"registry.example.com/api-gateway:1"}]}}}}`),
		w.patching(`{"spec":{"replicas":2},"metadata":{"annotations":{"algesta.io/operation":"c-1","kubernetes.io/change-cause":"by hand"}}}`),
		w.scaling(`{"spec":{"minReplicas":2},"metadata":{"annotations":{"algesta.io/pinned":"1-5"}}}`),
	}
	inRollback := []misuse{
		w.patching(`{"spec":{"template":{"metadata":{"annotations":{"checksum/config":"1"},"labels":{"version":"2"}}}}}`),
		w.patching(`{"spec":{"template":{"spec":{"securityContext":{"runAsUser":1000},"containers":[{"name":"api-gateway",` +
			`"securityContext":{"runAsUser":null},"env":[{"name":"LOG","value":"debug"}]}],` +
			`"volumes":[{"name":"c","configMap":{"name":"c"}},{"name":"p","projected":{"sources":[{"secret":{"name":"s"}}]}}]}}}}`),
	}
	w.mountsByALabel(t, client)
	for _, mode := range []string{"rollback", "images"} {
		if mode == "images" {
			i.install(w, mode)
			w.awaitRefusal(inRollback[1], i, "admissionPolicy.mode is images")
			w.awaitRefusal(inRollback[0], i, "admissionPolicy.mode is images")
			all["a container that begins before the others"] = w.patching(`{"spec":{"template":{"spec":{` +
				`"containers":[{"$patch":"replace"},{"name":"first",` + contained + `}],` +
				`"initContainers":[{"$patch":"replace"},{"name":"api-gateway",` + contained + mounts + `}]}}}}`)
			inRollback = nil
		}
		for name, try := range all {
			err := try(t.Context(), client)
			require.ErrorContains(t, err, deniedByPolicy, "%s: %s", mode, name)
			require.NotContains(t, err.Error(), "resulted in error", "%s: %s", mode, name)
		}
		for n, try := range append(harmless, inRollback...) {
			require.NoError(t, try(t.Context(), client), "%s: %d", mode, n)
		}
	}
}

const deniedByPolicy = "ValidatingAdmissionPolicy"

// refusedInTime waits until the admission policy is in force, which takes the API server a moment.
func (w *world) refusedInTime(t *testing.T, i installation) {
	t.Helper()
	w.awaitRefusal(w.byPolicy()["an image from elsewhere"], i, "runs images of the repositories")
}

// awaitRefusal tries something until the policy refuses it with a sentence that holds says.
func (w *world) awaitRefusal(try misuse, i installation, says string) {
	w.Helper()
	client, err := kubernetes.NewForConfig(i.cfg)
	require.NoError(w, err)
	ctx, cancel := w.wait()
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try(ctx, client)
		if err != nil && strings.Contains(err.Error(), deniedByPolicy) && strings.Contains(err.Error(), says) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			require.Fail(w, "the admission policy isn't in force", "%v", err)
		}
	}
}

// everythingElseIsRefused uses the bot's token as somebody would who has stolen it.
func (w *world) everythingElseIsRefused(t *testing.T, i installation) {
	t.Helper()
	client, err := kubernetes.NewForConfig(i.cfg)
	require.NoError(t, err)
	for name, try := range w.byRoles() {
		require.ErrorContains(t, try(t.Context(), client), "is forbidden: User", name)
	}
	for name, try := range w.byPolicy() {
		err := try(t.Context(), client)
		require.ErrorContains(t, err, deniedByPolicy, name)
		require.NotContains(t, err.Error(), "resulted in error", name)
	}
	// A Role that somebody gives it by mistake opens nothing.
	admin := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "mistake"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "admin"},
		Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: "algesta", Namespace: i.namespace}},
	}
	_, err = w.cluster.Client.RbacV1().RoleBindings(w.production).Create(t.Context(), admin, metav1.CreateOptions{})
	require.NoError(t, err)
	w.awaitRefusal(w.byRoles()["deleting a service"], i, "the bot has no command that needs: DELETE apps/deployments")
	// In the stricter mode the tag of an image is all.
	environment := w.patching(`{"spec":{"template":{"spec":{"containers":[{"name":"api-gateway","env":[{"name":"LOG","value":"debug"}]}]}}}}`)
	require.NoError(t, environment(t.Context(), client))
	i.install(w, "images")
	w.awaitRefusal(environment, i, "admissionPolicy.mode is images")
	const later = `{"name":"api-gateway","image":"registry.example.com/api-gateway:12347"}`
	tag := w.patching(`{"spec":{"template":{"spec":{"containers":[` + later + `]}}}}`)
	require.NoError(t, tag(t.Context(), client))
}
