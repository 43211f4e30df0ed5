package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

// Support is how long a part of the platform is supported, and who said so when.
type Support struct {
	What   string    // "Kubernetes 1.34 on AKS"
	Until  time.Time // the first moment without support
	Do     string    // a sentence
	Source string    // an address
	AsOf   time.Time // the day of the source
}

// supportWarning is how long before the end of a Kubernetes version's support that is said: an upgrade is planned in weeks.
const supportWarning = 60 * 24 * time.Hour

// Said is a sentence without its full stop: what is supported until when, or since when it isn't, with the source and its day.
func (s Support) Said(now time.Time) string { return s.What + " " + s.ending(now) }

func (s Support) ending(now time.Time) string {
	last := s.Until.AddDate(0, 0, -1).Format("2 January 2006")
	tense := "is supported until"
	if !now.Before(s.Until) {
		tense = "has been out of support since"
	}
	return fmt.Sprintf("%s %s (%s, as of %s)", tense, last, s.Source, s.AsOf.Format(time.DateOnly))
}

// Due reports whether the end is near, or past.
func (s Support) Due(now time.Time) bool { return now.Add(supportWarning).After(s.Until) }

func day(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// managedNginx is the class of the NGINX that AKS runs itself, and its controller.
const managedNginx = "webapprouting.kubernetes.azure.com"

var controllerSupport = map[string]Support{
	managedNginx + "/nginx": {
		What: "the managed NGINX of AKS", Until: day(2026, time.December, 1), Do: "Plan the move to the Gateway API.",
		Source: "learn.microsoft.com/azure/aks/app-routing-nginx-to-gateway-api-migration", AsOf: day(2026, time.August, 3),
	},
	"k8s.io/ingress-nginx": {
		What: "ingress-nginx", Until: day(2026, time.March, 25), Do: "Plan the move to the Gateway API.",
		Source: "kubernetes.io/blog/2025/11/11/ingress-nginx-retirement", AsOf: day(2026, time.January, 29),
	},
}

// ControllerSupport is the support of an ingress controller ("k8s.io/ingress-nginx"); known is false for one that isn't known to end.
func ControllerSupport(controller string) (s Support, known bool) {
	s, known = controllerSupport[controller]
	return s, known
}

// versionsOfAKS are the first days without standard support of Kubernetes' minor versions on AKS. Of 1.29 to 1.33 the source says no more
// than that it was over on its day.
var versionsOfAKS = map[int]time.Time{
	28: day(2025, time.January, 31), 33: day(2026, time.August, 6), 34: day(2026, time.December, 1), 35: day(2027, time.April, 1),
	36: day(2027, time.July, 1), 37: day(2027, time.November, 1),
}

var minorVersion = regexp.MustCompile(`^v1\.(\d{1,3})\.`)

// VersionOnAKS is the support of a version of Kubernetes ("v1.34.2") on AKS; known is false for one that the table doesn't have.
func VersionOnAKS(version string) (s Support, known bool) {
	m := minorVersion.FindStringSubmatch(version)
	if m == nil {
		return Support{}, false
	}
	minor, err := strconv.Atoi(m[1])
	if err != nil {
		return Support{}, false
	}
	row := minor
	switch {
	case minor < 28:
		row = 28
	case minor > 28 && minor < 33:
		row = 33
	}
	until, known := versionsOfAKS[row]
	return Support{
		What: fmt.Sprintf("Kubernetes 1.%d on AKS", minor), Until: until, Source: "learn.microsoft.com/azure/aks/supported-kubernetes-versions",
		AsOf: day(2026, time.August, 5), Do: "Plan the upgrade; long-term support takes the Premium tier.",
	}, known
}

// Kubenet is the support of AKS's network plugin of that name.
func Kubenet() Support {
	return Support{
		What: "the network plugin kubenet of AKS", Until: day(2028, time.March, 31), Source: "github.com/Azure/AKS/issues/4859",
		AsOf: day(2026, time.August, 7), Do: "Plan the move to Azure CNI Overlay, which can't be taken back.",
	}
}

// OnKubenet reports whether a node of AKS has its pods' addresses from kubenet: Azure routes a range of addresses to it (the controller of
// routes says so), and it has no label of a network of pods, as the nodes of Azure CNI have. Where another network engine has overwritten
// the condition it isn't known.
func OnKubenet(n *corev1.Node) bool {
	_, onAKS := n.Labels["kubernetes.azure.com/cluster"]
	_, network := n.Labels["kubernetes.azure.com/podnetwork-type"]
	return onAKS && !network && n.Spec.PodCIDR != "" && slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeNetworkUnavailable && c.Status == corev1.ConditionFalse && c.Reason == routeCreated
	})
}

// routeCreated is the reason that the controller of routes gives.
const routeCreated = "RouteCreated"

// kubenetEnds says it of one node: the network plugin is the whole cluster's.
func kubenetEnds(s *facts.Snapshot, near facts.Surroundings) []Hint {
	for _, n := range s.Nodes() {
		if !OnKubenet(n) || !concerns(s, near, n) {
			continue
		}
		support, ref := Kubenet(), facts.RefOf(facts.KindNode, n)
		return []Hint{{
			Subject: ref, Text: "Node " + n.Name + " has its pods' addresses from " + support.What + ", which " + support.ending(s.Now()),
			Remedy: support.Do,
			Shown:  []facts.Evidence{{Object: ref, Field: "status.conditions[NetworkUnavailable]", Quote: routeCreated}},
		}}
	}
	return nil
}

// usualAlarm is how long before a certificate's end an alarm at a fixed time usually fires, and longLived from how long a life on somebody
// has one: certificates that last a day or a week are watched otherwise.
const (
	usualAlarm = 30 * 24 * time.Hour
	longLived  = 40 * 24 * time.Hour
)

// thirtyDays names healthy certificates for which an alarm at a fixed 30 days before the end fires: they aren't to be renewed yet.
func thirtyDays(s *facts.Snapshot, near facts.Surroundings) []Hint {
	var hints []Hint
	for _, c := range s.Custom() {
		if !facts.IsCertificate(c) || !near.Has(facts.RefOf(facts.KindCertificate, c)) {
			continue
		}
		begins, ends, renewal := Moments(c, "status", "notBefore"), Moments(c, "status", "notAfter"), Moments(c, "status", "renewalTime")
		ready, said := conditionOf(c, "Ready")
		healthy := said && ready.status == "True" && s.Now().Before(renewal) && renewal.Before(ends)
		if left := ends.Sub(s.Now()); !healthy || begins.IsZero() || ends.Sub(begins) < longLived || left >= usualAlarm {
			continue
		}
		ref := facts.RefOf(facts.KindCertificate, c)
		hints = append(hints, Hint{
			Subject: ref,
			Text: fmt.Sprintf("Certificate %s has %s left and will be renewed in %s, so an alarm at a fixed 30 days fires although it's "+
				"healthy; %s (%s)",
				c.GetName(), words.Span(ends.Sub(s.Now())), words.Span(renewal.Sub(s.Now())), shorter, shorterSource),
			Remedy: "Alarm where the renewal is late (the Certificate's status.renewalTime).",
			Shown: []facts.Evidence{
				{Object: ref, Field: "status.renewalTime", Quote: facts.Text(c, "status", "renewalTime")},
				{Object: ref, Field: "status.notAfter", Quote: facts.Text(c, "status", "notAfter")},
			},
		})
	}
	return hints
}

// What is to come for certificates of Let's Encrypt, and who says so when.
const (
	shorter       = "Let's Encrypt's certificates last 64 days from 2027-02-10 on and 45 days from 2028-02-16 on"
	shorterSource = "letsencrypt.org/2025/12/02/from-90-to-45"
)

// ShorterCertificates is why an alarm at a fixed 30 days before a certificate's end is wrong for those of Let's Encrypt, and what to do.
func ShorterCertificates() (why, do string) {
	return shorter + ", and are renewed after two thirds of that: an alarm at a fixed 30 days before the end will fire for healthy ones (" +
			shorterSource + ")",
		"alarm where the renewal is late (the Certificate's status.renewalTime), as the bot does"
}

// versionEnds names each version of the nodes of AKS whose support ends soon, or has ended.
func versionEnds(s *facts.Snapshot, near facts.Surroundings) []Hint {
	var hints []Hint
	var told []string
	for _, n := range s.Nodes() {
		version := n.Status.NodeInfo.KubeletVersion
		support, known := VersionOnAKS(version)
		_, onAKS := n.Labels["kubernetes.azure.com/cluster"]
		if !onAKS || !known || !support.Due(s.Now()) || slices.Contains(told, support.What) || !concerns(s, near, n) {
			continue
		}
		told = append(told, support.What)
		ref := facts.RefOf(facts.KindNode, n)
		hints = append(hints, Hint{
			Subject: ref, Text: "Node " + n.Name + " runs " + version + ", and " + support.Said(s.Now()), Remedy: support.Do,
			Shown: []facts.Evidence{{Object: ref, Field: "status.nodeInfo.kubeletVersion", Quote: version}},
		})
	}
	return hints
}
