package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

const failedCreateSource = "ReplicaFailure=True/FailedCreate of Deployments and ReplicaSets, event FailedCreate; the message is the " +
	"API server's admission error"

var admissionRules = []Rule{
	deniedRule("quota-exceeded", "scaling, an autoscaler or the surge of a rollout beyond the ResourceQuota; leftovers of other work",
		"scale something down, or raise the quota", quotaExceeded),
	deniedRule("quota-requires-values", "a container without the requests or limits that the quota counts", "set requests and limits",
		func(d *denial) *Finding {
			return d.finding(
				facts.Ref{Kind: facts.KindQuota, Namespace: d.ref.Namespace, Name: d.groups[1]},
				fmt.Sprintf("ResourceQuota %s requires requests or limits that are not set (%s)", d.groups[1], strings.TrimSuffix(d.groups[2], ".")),
				Remedy{Text: "Set the requests and limits of every container."},
			)
		}),
	deniedRule("limit-range", "requests or limits outside of the LimitRange", "set them inside its bounds",
		func(d *denial) *Finding {
			subject, name := facts.Ref{Kind: facts.KindLimitRange, Namespace: d.ref.Namespace, Name: ""}, "The LimitRange"
			for _, l := range d.s.LimitRanges() {
				if l.Namespace == d.ref.Namespace {
					subject.Name = l.Name
					name = "LimitRange " + l.Name
					break
				}
			}
			return d.finding(subject, name+" refuses the pods: "+d.groups[0], Remedy{Text: "Set requests and limits inside the LimitRange."})
		}),
	deniedRule("pod-security", "the namespace enforces a Pod Security level that the template "+
		"does not meet", "correct the security context, or the namespace's label",
		func(d *denial) *Finding {
			lacks := words.Few(strings.Split(inParentheses.ReplaceAllString(d.s.Brief(d.groups[2], mostWords), ""), ", "), 2)
			return d.finding(d.ref, fmt.Sprintf("The pods violate Pod Security level %s of the namespace (%s)", d.groups[1], lacks),
				Remedy{Text: "Correct the security context in the template: " + d.s.Brief(d.groups[2], 160)})
		}),
	deniedRule("webhook-down", "the pods behind the webhook are down, its certificate expired, or the network stops it; it blocks every "+
		"creation it is asked about",
		"bring the webhook's pods back", func(d *denial) *Finding {
			return d.webhookDown()
		}),
	deniedRule("webhook-denied", "a policy (Gatekeeper, Azure Policy, Kyverno) that the template does not meet", "correct the template",
		func(d *denial) *Finding {
			ref, who := facts.Ref{Kind: "Webhook", Name: d.groups[1]}, "Policy webhook "
			if strings.Contains(d.groups[0], "with binding") {
				ref.Kind, who = "ValidatingAdmissionPolicy", "Policy "
			}
			return d.finding(ref, fmt.Sprintf("%s%s denies the pods: %s", who, ref.Name, refusedBy(d.s, d.groups[2])),
				Remedy{Text: "Fix what the policy names in the template."})
		}),
	deniedRule("service-account-missing", "the ServiceAccount was never created in this namespace, or is named "+
		"differently", "create it, or correct serviceAccountName",
		func(d *denial) *Finding {
			ref := facts.Ref{Kind: "ServiceAccount", Namespace: d.ref.Namespace, Name: d.groups[1]}
			return d.finding(ref, fmt.Sprintf("%s does not exist in namespace %s", ref.Words(), ref.Namespace),
				Remedy{
					Text:    "Create the ServiceAccount, or correct serviceAccountName.",
					Command: fmt.Sprintf("kubectl create serviceaccount %s -n %s", ref.Name, ref.Namespace),
				})
		}),
	deniedRule("namespace-terminating", "the namespace is being deleted", "wait for the deletion to finish, then recreate the "+
		"namespace", func(d *denial) *Finding {
		ref := facts.Ref{Kind: facts.KindNamespace, Name: d.ref.Namespace}
		return d.finding(
			ref,
			fmt.Sprintf("Namespace %s is being deleted", ref.Name),
			Remedy{
				Text:    "Nothing can be created in it any more; find out what blocks its deletion.",
				Command: "kubectl describe namespace " + ref.Name,
			},
		)
	}),
	deniedRule("pod-invalid", "a field of the template that the API server refuses", "correct the field", func(d *denial) *Finding {
		return d.finding(d.ref, "The pod template is not valid: "+d.s.Brief(d.groups[1], 160), Remedy{Text: "Correct the field in the template."})
	}),
	deniedRule("replicaset-denied", "a quota on the number of ReplicaSets, a webhook, a namespace that is being deleted: the "+
		"new revision doesn't even get its ReplicaSet", "fix what the message names", func(d *denial) *Finding {
		return d.finding(
			d.ref,
			fmt.Sprintf("The new ReplicaSet of %s is refused: %s", d.ref.Name, refusedBecause(d.s, d.groups[1])),
			Remedy{Text: "Fix what the message names."},
		)
	}),
	deniedRule("creation-denied", "see the message", "read the message", func(d *denial) *Finding {
		f := d.finding(
			d.ref,
			"The API server refuses to create the pods: "+refusedBecause(d.s, d.message),
			Remedy{Text: "Fix what the message names."},
		)
		f.Sure, f.Unsure = Medium, "Only the message says why."
		return f
	}),
	{
		ID:       "quota-nearly-full",
		Family:   "admission",
		Class:    ClassAdmission,
		Risk:     true,
		Signal:   "ResourceQuota status.used at 90 % of status.hard or more",
		Cause:    "growth; a quota that was set for less",
		Remedy:   "raise the quota before the next deploy, whose surge will not fit",
		Source:   "ResourceQuota status",
		snapshot: quotaNearlyFull,
	},
}

// webhookTroubles are why the API server cannot call a webhook, when its certificate is the reason and not its pods.
var webhookTroubles = []struct {
	says          *regexp.Regexp
	words, remedy string
}{
	{
		regexp.MustCompile(`x509: certificate has expired or is not yet valid`),
		"Admission webhook %s cannot be called: its certificate has expired or is not valid yet",
		"Renew the certificate that its Service serves, and restart its pods if they don't reload it; until then nothing it " +
			"checks can be created.",
	},
	{
		regexp.MustCompile(`x509: certificate signed by unknown authority`),
		"Admission webhook %s cannot be called: the API server does not trust its certificate",
		"Bring the caBundle of its configuration in line with the authority that signed the certificate; until then nothing it " +
			"checks can be created.",
	},
	{
		regexp.MustCompile(`x509: certificate (?:is valid for|is not valid for|relies on)`),
		"Admission webhook %s cannot be called: its certificate is for another name",
		"Issue the certificate for the name of its Service; until then nothing it checks can be created.",
	},
	{
		regexp.MustCompile(`service "[^"]+" not found`), "Admission webhook %s cannot be called: its Service does not exist",
		"Install what serves the webhook again, or remove its configuration; until then nothing it checks can be created.",
	},
}

// kyverno puts the pod and the path of the rule around what it says.
var kyverno = regexp.MustCompile(
	`blocked due to the following policies\s+(\S+):\s+(\S+): '?(?:validation (?:error|failure): )?(.+?)(?:\.? rule \S+ failed at path ` +
		`\S*)?'?$`,
)

// refusedBy is what a policy says, without what it says around it.
func refusedBy(s *facts.Snapshot, wording string) string {
	wording = strings.TrimSuffix(strings.Join(strings.Fields(wording), " "), ".")
	if m := kyverno.FindStringSubmatch(wording); m != nil {
		wording = fmt.Sprintf("%s (%s, %s)", strings.TrimSuffix(strings.ReplaceAll(m[3], "''", "'"), "."), m[1], m[2])
	}
	return s.Brief(wording, 160)
}

func (d *denial) webhookDown() *Finding {
	what, remedy := "Admission webhook %s does not answer", "Bring the pods behind the webhook back; until then nothing it "+
		"checks can be created."
	for _, trouble := range webhookTroubles {
		if trouble.says.MatchString(d.groups[2]) {
			what, remedy = trouble.words, trouble.remedy
			break
		}
	}
	f := d.finding(facts.Ref{Kind: "Webhook", Name: d.groups[1]}, fmt.Sprintf(what, d.groups[1]),
		Remedy{Text: remedy, Command: "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"})
	if ref, ok := facts.WebhookService(d.message); ok {
		f.Beyond = []facts.Elsewhere{{Ref: ref}}
		if d.s.Silent(ref) {
			f.Calls = []facts.Ref{ref}
		}
	}
	return f
}

// denials by their message, in this order: the first that fits names it.
var denialPatterns = []struct {
	id   string
	says *regexp.Regexp
}{
	{"quota-exceeded", regexp.MustCompile(`exceeded quota: ([^\s,]+), requested: (.*)`)},
	{"quota-requires-values", regexp.MustCompile(`failed quota: ([^\s:]+): must specify (.*)`)},
	{
		"limit-range",
		regexp.MustCompile(`(?:minimum|maximum) \S+ usage per (?:Container|Pod) is [^.]*|limit to request ratio per (?:Container|Pod) is [^.]*`),
	},
	{"pod-security", regexp.MustCompile(`violates PodSecurity "([^"]+)": (.*)`)},
	{"webhook-down", regexp.MustCompile(`failed calling webhook "([^"]+)": (.*)`)},
	{"webhook-denied", regexp.MustCompile(`(?s)admission webhook "([^"]+)" denied the request:?\s*(.*)`)},
	{
		"webhook-denied",
		regexp.MustCompile(`(?s)pods "[^"]*" is forbidden: ValidatingAdmissionPolicy '([^']+)' with binding '[^']+' denied request:?\s*(.*)`),
	},
	{
		"service-account-missing",
		regexp.MustCompile(`(?:error looking up service account [^\s/]+/|serviceaccounts? ")([^\s":]+)"?:?.*not found`),
	},
	{"namespace-terminating", regexp.MustCompile(`because it is being terminated`)},
	{"pod-invalid", regexp.MustCompile(`(?:Pod|pods) "[^"]*" is invalid: (.*)`)},
	{"replicaset-denied", regexp.MustCompile(`(?s)^Failed to create new replica set "[^"]*": (.*)$`)},
	{"creation-denied", regexp.MustCompile(`(?s)^.*$`)},
}

// inParentheses are the containers and the advice behind each thing that a level forbids.
var inParentheses = regexp.MustCompile(`\s*\([^()]*\)`)

var policyDenied = regexp.MustCompile(
	`(?s)\S+ "[^"]*" is forbidden: ValidatingAdmissionPolicy '([^']+)' with binding '[^']+' denied request:?\s*`,
)

// refusedBecause is an admission error in few words: of a policy, its name and what it says.
func refusedBecause(s *facts.Snapshot, message string) string {
	return s.Brief(strings.TrimSuffix(policyDenied.ReplaceAllString(message, "policy $1 says: "), "."), 160)
}

func (d *denial) classify() (id string, groups []string) {
	for _, p := range denialPatterns {
		if m := p.says.FindStringSubmatch(d.message); m != nil {
			return p.id, m
		}
	}
	return "", nil
}

func deniedRule(id, cause, remedy string, wording func(*denial) *Finding) Rule {
	var signal strings.Builder
	signal.WriteString("ReplicaFailure=True or event FailedCreate")
	if id == "namespace-terminating" {
		signal.WriteString(", or a workload without all its pods in a namespace with a deletionTimestamp")
	}
	joint := ", message like “"
	for _, p := range denialPatterns {
		if p.id == id && id != "creation-denied" {
			signal.WriteString(joint + p.says.String() + "”")
			joint = " or “"
		}
	}
	return Rule{
		ID:     id,
		Family: "admission",
		Class:  ClassAdmission,
		Signal: signal.String(),
		Cause:  cause,
		Remedy: remedy,
		Source: failedCreateSource,
		denied: wording,
		snapshot: func(s *facts.Snapshot) []*Finding {
			var found []*Finding
			for _, d := range denials(s) {
				kind, groups := d.classify()
				if kind != id {
					continue
				}
				d.groups = groups
				found = append(found, wording(d))
			}
			return found
		},
	}
}

func (d *denial) finding(subject facts.Ref, what string, remedy Remedy) *Finding {
	if remedy.Command == "" {
		remedy.Command = fmt.Sprintf("kubectl describe %s -n %s", d.ref, d.ref.Namespace)
	}
	return &Finding{
		Subject: subject,
		Hits:    []facts.Ref{d.ref},
		What:    what,
		Effect:  CannotCreate,
		Since:   d.since,
		Shown:   []facts.Evidence{d.shown},
		Remedy:  remedy,
		Sure:    High,
	}
}

func quotaExceeded(d *denial) *Finding {
	ref := facts.Ref{Kind: facts.KindQuota, Namespace: d.ref.Namespace, Name: d.groups[1]}
	q, wording := quota(d.s, ref.Namespace, ref.Name), "requested: "+strings.TrimSuffix(d.groups[2], ".")
	if refusal, is := facts.ReadQuotaRefusal(d.message); is && q != nil {
		refusal = refusal.Now(q)
		wording = fmt.Sprintf("requested: %s, used: %s, limited: %s", refusal.Requested, refusal.Used, refusal.Limited)
	}
	f := d.finding(ref, fmt.Sprintf("ResourceQuota %s is used up (%s)", ref.Name, d.s.Brief(wording, 160)),
		Remedy{
			Text:    "Scale something down, or raise the quota.",
			Command: quotaCommand(d.s, ref.Namespace),
		})
	if q != nil {
		f.show(facts.Evidence{Object: ref, Field: "status", Quote: QuotaWords(q)}, false)
	}
	return f
}

// QuotaWords is what a quota limits and how much of it is used.
func QuotaWords(q *corev1.ResourceQuota) string {
	var parts []string
	for _, name := range sortedResources(q.Status.Hard) {
		used, hard := q.Status.Used[name], q.Status.Hard[name]
		parts = append(parts, fmt.Sprintf("%s %s of %s", name, cores(name, used), cores(name, hard)))
	}
	return strings.Join(parts, ", ")
}

// cores is a quantity of a quota as kubectl writes it, and of cpu in cores: "8500m of 10" takes a second look, "8.5 of 10" doesn't.
func cores(name corev1.ResourceName, q resource.Quantity) string {
	if !strings.HasSuffix(string(name), "cpu") {
		return q.String()
	}
	return strconv.FormatFloat(float64(q.MilliValue())/1000, 'f', -1, 64)
}

func sortedResources(l corev1.ResourceList) []corev1.ResourceName {
	names := make([]corev1.ResourceName, 0, len(l))
	for name := range l {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// fullness is used/hard in percent.
func fullness(q *corev1.ResourceQuota, name corev1.ResourceName) int {
	used, hard := q.Status.Used[name], q.Status.Hard[name]
	if hard.AsApproximateFloat64() <= 0 {
		return 0 // a quota of zero forbids something; it is not nearly full
	}
	return int(100 * used.AsApproximateFloat64() / hard.AsApproximateFloat64())
}

func quotaNearlyFull(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, q := range s.Quotas() {
		var full []string
		how := "nearly full"
		for _, name := range sortedResources(q.Status.Hard) {
			if percent := fullness(q, name); percent >= 90 {
				if percent >= 100 {
					how = "full"
				}
				full = append(full, fmt.Sprintf("%s at %d %%", name, percent))
			}
		}
		if len(full) == 0 {
			continue
		}
		ref := facts.RefOf(facts.KindQuota, q)
		found = append(found, &Finding{
			Subject: ref, What: fmt.Sprintf("ResourceQuota %s is %s: %s", q.Name, how, words.Few(full, 4)), Level: Latent, Sure: High,
			Shown: []facts.Evidence{{Object: ref, Field: "status", Quote: QuotaWords(q)}},
			Remedy: Remedy{
				Text:    "Make room before the next deploy: its extra pods may not fit.",
				Command: quotaCommand(s, q.Namespace),
			},
		})
	}
	return found
}
