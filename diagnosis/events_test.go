package diagnosis_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// TestBothEventAPIsTellTheTime: old clients fill the first fields, new ones eventTime and series; either may be zero.
func TestBothEventAPIsTellTheTime(t *testing.T) {
	t.Parallel()
	about := corev1.ObjectReference{Kind: "Pod", Namespace: "production", Name: "orders-6d4cf56db6-00000"}
	const message = `MountVolume.SetUp failed for volume "tls" : secret "orders-tls" not found`
	recently, longAgo := noon.Add(-2*time.Minute), noon.Add(-3*time.Hour)
	for name, test := range map[string]struct {
		event runtime.Object
		fires bool
	}{
		"firstTimestamp and lastTimestamp": {
			&corev1.Event{
				InvolvedObject: about, Reason: "FailedMount", Message: message, FirstTimestamp: metav1.NewTime(longAgo),
				LastTimestamp: metav1.NewTime(recently), Count: 90,
			},
			true,
		},
		"eventTime alone": {
			&corev1.Event{InvolvedObject: about, Reason: "FailedMount", Message: message, EventTime: metav1.NewMicroTime(recently)}, true,
		},
		"a series": {&corev1.Event{
			InvolvedObject: about, Reason: "FailedMount", Message: message, EventTime: metav1.NewMicroTime(longAgo),
			Series: &corev1.EventSeries{Count: 9, LastObservedTime: metav1.NewMicroTime(recently)},
		}, true},
		"events.k8s.io": {
			&eventsv1.Event{Regarding: about, Reason: "FailedMount", Note: message, EventTime: metav1.NewMicroTime(recently)}, true,
		},
		"events.k8s.io from old client": {
			&eventsv1.Event{Regarding: about, Reason: "FailedMount", Note: message, DeprecatedLastTimestamp: metav1.NewTime(recently)}, true,
		},
		"only the moment of creation": {
			&corev1.Event{
				ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(recently)}, InvolvedObject: about, Reason: "FailedMount",
				Message: message,
			},
			true,
		},
		"hours ago says nothing": {
			&corev1.Event{InvolvedObject: about, Reason: "FailedMount", Message: message, LastTimestamp: metav1.NewTime(longAgo)}, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := service("orders", 1)
			p := objects[len(objects)-1].(*corev1.Pod)
			p.Spec.NodeName = "n"
			p.Spec.Volumes = []corev1.Volume{
				{Name: "tls", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "orders-tls"}}},
			}
			p.Status.Phase = corev1.PodPending
			p.Status.Conditions[0].Status = corev1.ConditionFalse
			p.Status.ContainerStatuses[0].Ready = false
			p.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}
			d := diagnosis.Diagnose(facts.NewSnapshot(noon, append(objects, test.event), nil), facts.Ref{})
			require.Equal(t, test.fires, d.Chains[0].Rule == "volume-source-missing", d.Text())
		})
	}
}

// TestClocksMayDifferByMinutes: the bot's clock runs before or after the cluster's.
func TestClocksMayDifferByMinutes(t *testing.T) {
	t.Parallel()
	for _, name := range scenarios(t) {
		objects, err := os.ReadFile(filepath.Join("testdata", "scenarios", name, "objects.yaml"))
		require.NoError(t, err)
		logs, err := os.ReadFile(filepath.Join("testdata", "scenarios", name, "logs.log"))
		if err != nil {
			require.ErrorIs(t, err, os.ErrNotExist)
		}
		d := decoded(t, objects)
		var first []string
		for _, skew := range []time.Duration{0, -2 * time.Minute, 2 * time.Minute} {
			s := facts.NewSnapshot(noon.Add(skew), d.Objects, d.NotChecked)
			addLogs(t, s, logs)
			got := rulesOf(diagnosis.Diagnose(s, facts.Ref{Kind: facts.KindNamespace, Name: "production"}))
			if skew == 0 {
				first = got
				continue
			}
			require.Equal(t, first, got, "%s, clock off by %s", name, skew)
		}
	}
}

func TestWantedImagesAndWhatTheRegistrySays(t *testing.T) {
	t.Parallel()
	objects := failing(service("orders", 2), 1)
	for _, o := range objects {
		if p, ok := o.(*corev1.Pod); ok {
			p.Status.ContainerStatuses[0].State.Waiting.Message = "unauthorized: authentication required"
		}
	}
	s := facts.NewSnapshot(noon, objects, nil)
	require.Equal(t, []string{"registry.example.com/orders:1"}, facts.WantedImages(s, facts.Ref{}))
	require.Equal(t, []string{"image-auth"}, rulesOf(diagnosis.Diagnose(s, facts.Ref{})))
	s.AddImage("registry.example.com/orders:1", facts.ImageMissing)
	require.Equal(t, []string{"image-not-found"}, rulesOf(diagnosis.Diagnose(s, facts.Ref{})), "a registry may refuse what does not exist")
}

func TestValuesOfSecretsAreNeverQuotedAndNamesAlwaysAre(t *testing.T) {
	t.Parallel()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "production", Name: "credentials"},
		Data:       map[string][]byte{"password": []byte("kestrel-nine"), "user": []byte("orders"), "env": []byte("production")},
	}
	objects := append(failing(service("orders", 1), 2), secret)
	s := facts.NewSnapshot(noon, objects, nil)
	for _, wanted := range facts.WantedLogs(s, facts.Ref{}) {
		s.AddLog(wanted, []byte("Error: login of orders with kestrel-nine failed: bad auth : Authentication failed."))
	}
	text := diagnosis.Diagnose(s, facts.Ref{}).Text()
	require.NotContains(t, text, "kestrel-nine")
	require.Contains(t, text, "every pod of orders keeps crashing")
}
