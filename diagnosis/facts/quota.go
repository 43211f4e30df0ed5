package facts

import (
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// QuotaRefusal is what the API server said when a quota had no room for a pod. Its amounts are those of that moment, each a list
// such as "requests.cpu=4,pods=3".
type QuotaRefusal struct {
	Quota                    string // its name
	Requested, Used, Limited string
}

// overQuota is the quota admission's refusal (k8s.io/apiserver/pkg/admission/plugin/resourcequota).
var overQuota = regexp.MustCompile(`exceeded quota: ([^\s,]+), requested: (.+?), used: (.+?), limited: (.+)$`)

// ReadQuotaRefusal finds a quota's refusal in a condition's or an event's message; false where there is none.
func ReadQuotaRefusal(message string) (QuotaRefusal, bool) {
	m := overQuota.FindStringSubmatch(message)
	if m == nil {
		return QuotaRefusal{}, false
	}
	return QuotaRefusal{Quota: m[1], Requested: m[2], Used: m[3], Limited: strings.TrimSuffix(m[4], ".")}, true
}

// Fits says whether the quota as it is now takes what it refused. known is false where that can't be determined.
func (r QuotaRefusal) Fits(now *corev1.ResourceQuota) (fits, known bool) {
	if len(now.Status.Hard) == 0 {
		return false, false // its controller has not counted yet, or the dump leaves the status out
	}
	for part := range strings.SplitSeq(r.Requested, ",") {
		name, amount, _ := strings.Cut(part, "=")
		need, err := resource.ParseQuantity(amount)
		if err != nil {
			return false, false
		}
		hard, limited := now.Status.Hard[corev1.ResourceName(name)]
		need.Add(now.Status.Used[corev1.ResourceName(name)])
		if limited && need.Cmp(hard) > 0 {
			return false, true
		}
	}
	return true, true
}

// Now is the refusal with the amounts that the quota has now.
func (r QuotaRefusal) Now(now *corev1.ResourceQuota) QuotaRefusal {
	r.Used, r.Limited = amountsNow(r.Used, now.Status.Used), amountsNow(r.Limited, now.Status.Hard)
	return r
}

func amountsNow(then string, now corev1.ResourceList) string {
	parts := strings.Split(then, ",")
	for i, part := range parts {
		name, _, _ := strings.Cut(part, "=")
		if amount, counted := now[corev1.ResourceName(name)]; counted {
			parts[i] = name + "=" + amount.String()
		}
	}
	return strings.Join(parts, ",")
}
