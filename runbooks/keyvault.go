package runbooks

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
)

var _ = register(listEverywhere(Runbook{
	Name: "keyvault",
	Aliases: []string{
		"key vault", "secretproviderclasses", "get secretproviderclasses", "get secretproviderclass", "describe secretproviderclass",
		"get secretproviderclasspodstatuses", "get secretproviderclasspodstatus",
	},
	Verb:    "secrets",
	Summary: "Show what pods mount from Azure Key Vault (SecretProviderClass): which version each pod has, which failed and why.",
	Example: "keyvault production",
	Rank:    140,
	About:   About{Environment: true},
	Args:    lookArgs,
	Reads: []string{
		"list secretproviderclasses.secrets-store.csi.x-k8s.io",
		"list secretproviderclasspodstatuses.secrets-store.csi.x-k8s.io",
		"list pods",
		"list events",
		"list replicasets.apps",
	},
	Answer: answerKeyvault,
}))

// The Secrets Store CSI driver, which mounts what a vault holds.
const (
	csiGroup          = "secrets-store.csi.x-k8s.io"
	csiDriver         = "secrets-store.csi.k8s.io"
	providerClassKind = "SecretProviderClass"
	providerClasses   = "secretproviderclasses"
	podStatuses       = "secretproviderclasspodstatuses"
	mountFailed       = "FailedMount" // the reason of the kubelet's event
)

// providerClass is a SecretProviderClass as far as it's shown: of its parameters the names of the vault and of objects, nothing else.
type providerClass struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Provider   string            `json:"provider"`
		Parameters map[string]string `json:"parameters"`
	} `json:"spec"`
}

// podStatus says what the driver mounted into a pod, and in which versions. It holds no values.
type podStatus struct {
	Status struct {
		PodName                 string `json:"podName"`
		SecretProviderClassName string `json:"secretProviderClassName"`
		Mounted                 bool   `json:"mounted"`
		Objects                 []struct {
			ID      string `json:"id"`
			Version string `json:"version"`
		} `json:"objects"`
	} `json:"status"`
}

func answerKeyvault(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	namespace := in.Command.Target.Namespace
	r := &reads{c: c}
	classList, statusList := customList(csiGroup, "v1", providerClassKind), customList(csiGroup, "v1", providerClassKind+"PodStatus")
	var said saidEvents
	r.list(ctx, providerClasses, namespace, classList)
	r.list(ctx, podStatuses, namespace, statusList)
	r.work.Go(func() { said = r.events(ctx, namespace) })
	r.work.Wait()
	switch {
	case r.absent(providerClasses):
		return algesta.Report{
			Tone:  algesta.Neutral,
			Title: algesta.Say("The Secrets Store CSI driver isn't installed in this cluster, so nothing is mounted from a Key Vault."),
			Body: []algesta.Block{{Text: algesta.Say("On AKS it's an add-on that the cluster's operators can enable: {}",
				algesta.Name("az aks enable-addons --addons azure-keyvault-secrets-provider --name <cluster> --resource-group <group>"))}},
		}, nil
	case r.failed[providerClasses] != nil:
		return unreadable(in, "the SecretProviderClasses", r.failed[providerClasses]), nil //nolint:nilerr // the report says so
	}
	failed := slices.DeleteFunc(said.events, func(e corev1.Event) bool {
		return e.Reason != mountFailed || !slices.ContainsFunc(said.pods, func(p corev1.Pod) bool {
			return p.Name == e.InvolvedObject.Name && len(classesOf(p.Spec)) > 0
		})
	})
	unread := said.hideSecrets(ctx, c, failed)
	v := vaultOf(classList.Items, statusList.Items, said.pods, failed, r)
	return v.report(in, r, slices.Concat(said.leftOut(), unread)), nil
}

// mount is a class in a pod.
type mount struct {
	class, pod, objects string
	failed              string // what the kubelet says; "" where nothing is wrong
	mounted, known      bool   // known says whether the driver's own status could be read
	differs             bool   // other pods of the class have other versions
}

// vault is what is mounted from vaults in a namespace.
type vault struct {
	classes []providerClass
	mounts  []mount
}

func vaultOf(classes, statuses []unstructured.Unstructured, pods []corev1.Pod, events []corev1.Event, r *reads) vault {
	v := vault{classes: converted[providerClass](classes)}
	done := map[[2]string]podStatus{}
	for _, s := range converted[podStatus](statuses) {
		done[[2]string{s.Status.SecretProviderClassName, s.Status.PodName}] = s
	}
	versions := map[string][]string{} // of a class, those that pods have
	for i := range pods {
		pod := &pods[i]
		if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		for _, class := range classesOf(pod.Spec) {
			m := mount{class: class, pod: pod.Name, known: r.failed[podStatuses] == nil}
			if s, ok := done[[2]string{class, pod.Name}]; ok {
				m.mounted = s.Status.Mounted
				var objects []string
				for _, o := range s.Status.Objects {
					objects = append(objects, o.ID+"@"+shorten(o.Version, shortVersion))
				}
				slices.Sort(objects)
				m.objects = strings.Join(objects, ", ")
				versions[class] = append(versions[class], m.objects)
			} else {
				m.failed = mountFailure(pod, events)
			}
			v.mounts = append(v.mounts, m)
		}
	}
	for i := range v.mounts {
		m := &v.mounts[i]
		m.differs = m.mounted && m.objects != mostCommon(versions[m.class])
	}
	slices.SortStableFunc(v.mounts, func(a, b mount) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), strings.Compare(a.class, b.class), strings.Compare(a.pod, b.pod))
	})
	return v
}

// shortVersion is how much of a version is shown: Key Vault's are 32 hexadecimal digits.
const shortVersion = 8

func (m mount) rank() int {
	switch {
	case m.known && !m.mounted:
		return 0
	case m.differs:
		return 1
	}
	return 2
}

// converted are objects as a type has them. What doesn't read as one is left out.
func converted[T any](items []unstructured.Unstructured) []T {
	var out []T
	for i := range items {
		var one T
		if runtime.DefaultUnstructuredConverter.FromUnstructured(items[i].Object, &one) == nil {
			out = append(out, one)
		}
	}
	return out
}

// classesOf are the classes that a pod mounts.
func classesOf(pod corev1.PodSpec) []string {
	var out []string
	for _, volume := range pod.Volumes {
		if volume.CSI != nil && volume.CSI.Driver == csiDriver {
			out = append(out, volume.CSI.VolumeAttributes["secretProviderClass"])
		}
	}
	return out
}

// mountFailure is the last thing that the kubelet said about a mount that failed.
func mountFailure(pod *corev1.Pod, events []corev1.Event) string {
	var last *corev1.Event
	for i := range events {
		e := &events[i]
		if e.Reason == mountFailed && e.InvolvedObject.Name == pod.Name && (last == nil || last.LastTimestamp.Before(&e.LastTimestamp)) {
			last = e
		}
	}
	if last == nil {
		return ""
	}
	for needle, why := range mountFailures {
		if strings.Contains(last.Message, needle) {
			return why
		}
	}
	return quote(last.Message)
}

// mountFailures are what a mount fails with, distinguished by what the provider writes.
// Source: learn.microsoft.com/troubleshoot/azure/azure-kubernetes/extensions/troubleshoot-key-vault-csi-secrets-store-csi-driver.
var mountFailures = map[string]string{
	"StatusCode=403":             "Key Vault refuses the identity (403): it lacks a role or an access policy for the vault.",
	"ForbiddenByPolicy":          "Key Vault refuses the identity (403): it lacks a role or an access policy for the vault.",
	"SecretNotFound":             "The vault has no such object.",
	"Identity not found":         "The identity that the class names isn't on the node.",
	"driver name secrets-store":  "The driver doesn't run on this node.",
	"secretproviderclasses.secr": "The SecretProviderClass doesn't exist.",
}

func mostCommon(all []string) string {
	counts, best := map[string]int{}, ""
	for _, s := range all {
		if counts[s]++; counts[s] > counts[best] || counts[s] == counts[best] && s > best {
			best = s
		}
	}
	return best
}

// report is the whole answer; more is what else has to be said.
func (v vault) report(in Input, r *reads, more []algesta.Text) algesta.Report {
	if len(v.classes) == 0 && len(v.mounts) == 0 {
		report := algesta.Report{Tone: algesta.Neutral, Title: algesta.Say("{}: no SecretProviderClass", whereOf(in))}
		unread := r.couldNot()
		if len(unread) == 0 {
			report.Title = algesta.Say("{}, so nothing is mounted from a Key Vault", report.Title)
		}
		report.Body = lines(unread)
		return report
	}
	failed, differs := 0, 0
	table := algesta.Table{Head: []string{"class", "pod", "mounted", "object@version"}}
	for _, m := range v.mounts {
		state := "yes"
		switch {
		case !m.known:
			state = "not checked"
		case !m.mounted:
			failed++
			state = "no"
		case m.differs:
			differs++
			state = "yes, another version"
		}
		table.Rows = append(table.Rows, []algesta.Text{
			algesta.Say(
				"{}",
				algesta.Name(quote(m.class)),
			),
			algesta.Say("{}", algesta.Name(m.pod)),
			algesta.Say("{}", state),
			orDash(quote(m.objects)),
		})
	}
	report := algesta.Report{
		Tone:  algesta.Good,
		Title: algesta.Say("{}: {}, mounted in {}", whereOf(in), classes(len(v.classes)), count(len(v.mounts), "pod")),
	}
	switch {
	case failed > 0:
		report.Tone = algesta.Bad
		report.Title = algesta.Say(
			"{}: {}, {} of {} couldn't mount it",
			whereOf(in),
			classes(len(v.classes)),
			failed,
			count(len(v.mounts), "pod"),
		)
	case differs > 0:
		report.Tone = algesta.Warning
		report.Title = algesta.Say("{}: {}, pods have different versions", whereOf(in), classes(len(v.classes)))
	case r.failed[podStatuses] != nil && len(v.mounts) > 0:
		report.Tone = algesta.Warning
		report.Title = algesta.Say(
			"{}: {} for {}, whether it's mounted couldn't be checked",
			whereOf(in),
			classes(len(v.classes)),
			count(len(v.mounts), "pod"),
		)
	}
	return withTable(report, table, "mount", slices.Concat(asTyped(in), v.notes(), r.couldNot(), more)...)
}

func classes(n int) string {
	switch n {
	case 0:
		return "no SecretProviderClass"
	case 1:
		return "1 SecretProviderClass"
	}
	return fmt.Sprintf("%d SecretProviderClasses", n)
}

// notes say why mounts failed, each reason once, what each class takes from where, and what of it doesn't work any more.
func (v vault) notes() []algesta.Text {
	var out []algesta.Text
	said := map[string]bool{}
	for _, m := range v.mounts {
		if m.failed != "" && !said[m.class+m.failed] && len(said) < mostCauses {
			said[m.class+m.failed] = true
			out = append(out, algesta.Say("{}, {}: {}", algesta.Name(quote(m.class)), algesta.Name(m.pod), m.failed))
		}
	}
	for _, class := range v.classes[:min(len(v.classes), mostCauses)] {
		name := algesta.Name(class.Metadata.Name)
		if vaultName := class.Spec.Parameters["keyvaultName"]; vaultName != "" {
			out = append(
				out,
				algesta.Say(
					"{} reads from the vault {} ({}).",
					name,
					algesta.Name(quote(vaultName)),
					orElse(quote(class.Spec.Provider), "no provider"),
				),
			)
		}
		if class.Spec.Parameters["usePodIdentity"] == "true" {
			out = append(out, algesta.Say("{} uses pod identity, which Azure ended: name a clientID, or useVMManagedIdentity.", name))
		}
		if !slices.ContainsFunc(v.mounts, func(m mount) bool { return m.class == class.Metadata.Name }) {
			out = append(out, algesta.Say("No pod mounts {}.", name))
		}
	}
	return out
}
