package incidents

import (
	"encoding/json"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/3astronautas/algesta"
)

// alertmanagerAPI keeps silences as an Alertmanager does; the real one is asked in sandbox/e2e.
type alertmanagerAPI struct {
	all    []remoteSilence
	answer int // of every call, where it isn't 0
	calls  int
}

func (a *alertmanagerAPI) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	a.calls++
	switch {
	case a.answer != 0:
		w.WriteHeader(a.answer)
		_, _ = w.Write([]byte("what stands here is nobody's news"))
	case q.Method == http.MethodGet:
		_ = json.NewEncoder(w).Encode(a.all)
	case q.Method == http.MethodPost:
		var s remoteSilence
		_ = json.NewDecoder(q.Body).Decode(&s)
		s.ID = "id " + s.Comment
		s.Status = &struct {
			State string `json:"state"`
		}{"active"}
		a.all = append(a.all, s)
		_, _ = w.Write([]byte(`{"silenceID":"` + s.ID + `"}`))
	case q.Method == http.MethodDelete:
		for n, s := range a.all {
			if strings.HasSuffix(q.URL.Path, s.ID) {
				a.all[n].Status.State = "expired"
			}
		}
	}
}

func (a *alertmanagerAPI) active() []string {
	var out []string
	for _, s := range a.all {
		if s.Status.State == "active" {
			out = append(out, s.Comment)
		}
	}
	return out
}

// TestASilenceIsMadeInTheAlertmanagerOnceAndEndedThere: of a service, an environment and an incident; what others made stays.
func TestASilenceIsMadeInTheAlertmanagerOnceAndEndedThere(t *testing.T) {
	t.Parallel()
	state := func() *struct {
		State string `json:"state"`
	} {
		return &struct {
			State string `json:"state"`
		}{"active"}
	}
	api := &alertmanagerAPI{all: []remoteSilence{
		{ID: "1", CreatedBy: "Marta", Comment: "c-1 (pods): mine", Status: state()},
		{ID: "2", CreatedBy: createdBy, Comment: "c-other: of another bot", Status: state()},
	}}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	r := Remote{URL: server.URL + "/", Client: server.Client()}
	ended := map[string]bool{}
	sync := func(all ...algesta.Silence) {
		t.Helper()
		require.NoError(t, r.Sync(t.Context(), all, noon, func(id string) bool { return ended[id] }))
	}
	service := silenceOf(secretLacksKey("ms-orders").About, time.Hour)
	whole := silenceOf(place, time.Hour)
	whole.ID = "c-2"
	snooze := service
	snooze.ID, snooze.Incident = "c-3", "i-1"
	late := service
	late.ID, late.Until = "c-4", noon
	for range 3 {
		sync(service, whole, snooze, late)
	}
	require.Equal(t, []string{
		"c-1 (pods): mine", "c-other: of another bot", "c-1 (Deployment): Luis: we move its database", "c-1 (pods): Luis: we move its database",
		"c-2: Luis: we move its database",
	}, api.active())
	require.Equal(t, []matcher{
		{Name: "namespace", Value: "production", IsEqual: true},
		{Name: "cluster", Value: "aks|", IsRegex: true, IsEqual: true},
		{Name: "pod", Value: "ms-orders" + ownPods, IsRegex: true, IsEqual: true},
	}, api.all[3].Matchers)
	require.Equal(t, noon.Add(time.Hour), api.all[3].EndsAt)

	ended["c-1"] = true
	sync(whole)
	require.Equal(t, []string{"c-1 (pods): mine", "c-other: of another bot", "c-2: Luis: we move its database"}, api.active())

	api.answer = http.StatusInternalServerError
	err := r.Sync(t.Context(), nil, noon, func(string) bool { return true })
	require.EqualError(t, err, "reading the silences of the Alertmanager: it answers 500")
	server.Close()
	err = r.Sync(t.Context(), nil, noon, func(string) bool { return true })
	require.EqualError(t, err, "reading the silences of the Alertmanager: it doesn't answer")
}

// TestASilenceOfOneServiceFitsNoOther: an Alertmanager tells nobody of what a silence fits, the pager neither.
func TestASilenceOfOneServiceFitsNoOther(t *testing.T) {
	t.Parallel()
	z := silenceOf(secretLacksKey("api").About, time.Hour)
	pods := remoteOf(z)[1].Matchers[2]
	require.True(t, pods.IsRegex)
	fits := regexp.MustCompile("^(?:" + pods.Value + ")$") // an Alertmanager anchors it
	for range 1000 {
		pod := "api-" + rand.SafeEncodeString(strconv.FormatUint(uint64(1_000_000+mathrand.Uint32N(1<<31)), 10)) + "-" + rand.String(5)
		require.Regexp(t, fits, pod)
	}
	for _, other := range []string{
		"api-gateway-7d9f8b6c5-x2x4z", "api-0", "api-db-0", "api-db-x2x4z", "api-payments-7d9f8b6c5-x2x4z", "apis-7d9f8b6c5-x2x4z",
		"my-api-7d9f8b6c5-x2x4z", "api-gateway-x2x4z", "api-7d9f8b6c5-x2x4z-debug",
	} {
		require.NotRegexp(t, fits, other)
	}
}
