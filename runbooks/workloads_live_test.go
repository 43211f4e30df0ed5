package runbooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// look is the answer of a read command about the whole namespace of a place, or an object in it, as lines.
func (p *place) look(t *testing.T, runbook, object string, args algesta.Args) []string {
	t.Helper()
	book, ok := runbooks.Find(runbook)
	require.True(t, ok)
	in := p.input(runbook, args)
	in.Command.Target.Service, in.Command.Target.Name, in.Command.Target.Object = "", "", object
	in.Workload = in.Command.Target.Workload()
	report, err := book.Answer(t.Context(), whole(p.bot), in)
	require.NoError(t, err)
	requireNoSecret(t, report)
	return lines(report)
}

func TestWhatRunsInAnEnvironmentIsRead(t *testing.T) {
	t.Parallel()
	p := running(t)

	t.Run("pods", func(t *testing.T) {
		got := p.look(t, "pods", "namespace", algesta.Args{"selector": "app=api-gateway", "wide": true})
		require.Equal(t, "production with app=api-gateway: 2 of 2 pods ready", got[0])
		require.Len(t, got, 4)
		require.Equal(t, "production with app=other: no pod runs", p.look(t, "pods", "namespace", algesta.Args{"selector": "app=other"})[0])
	})
	t.Run("deployments", func(t *testing.T) {
		got := p.look(t, "deployments", "namespace", nil)
		require.Equal(t, "production: 1 of 1 workload ready", got[0])
		require.Regexp(t, `^api-gateway-production \| Deployment \| 2 of 2 \| 12344 \| 0 \| \d+ (s|min) \| –$`, got[2])
		require.Len(t, got, 3, "all was read")
	})
	t.Run("services", func(t *testing.T) {
		for name, app := range map[string]string{"gate": "api-gateway", "lonely": "lonely"} {
			_, err := p.Client.CoreV1().Services(p.target.Namespace).Create(t.Context(), &corev1.Service{
				ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.ServiceSpec{
					Selector: map[string]string{"app": app},
					Ports:    []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(3000)}},
				},
			}, metav1.CreateOptions{})
			require.NoError(t, err)
		}
		require.Eventually(t, func() bool {
			return p.look(t, "endpoints", "service/gate", nil)[0] == "gate in production: 2 of 2 endpoints ready"
		}, time.Minute, 100*time.Millisecond)
		got := p.look(t, "services", "namespace", nil)
		require.Equal(t, "production: 1 of 2 services without a ready endpoint", got[0])
		require.Regexp(t, `^lonely \| ClusterIP \| [0-9.]+ \| 80→3000 \| 0 of 0 \| –$`, got[2])
		require.Regexp(t, `^gate \| ClusterIP \| [0-9.]+ \| 80→3000 \| 2 of 2 \| api-gateway-production$`, got[3])
		require.Len(t, got, 4, "all was read")
		require.Contains(t, p.look(t, "endpoints", "service/lonely", nil), "No pod has the labels that it selects: app=lonely.")
	})
}
