package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/3astronautas/algesta/diagnosis/facts"
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

// ShorterCertificates is why an alarm at a fixed 30 days before a certificate's end is wrong for those of Let's Encrypt, and what to do.
func ShorterCertificates() (why, do string) {
	return "Let's Encrypt's certificates last 64 days from 2027-02-10 on and 45 days from 2028-02-16 on, and are renewed after two thirds " +
			"of that: an alarm at a fixed 30 days before the end will fire for healthy ones (letsencrypt.org/2025/12/02/from-90-to-45)",
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
