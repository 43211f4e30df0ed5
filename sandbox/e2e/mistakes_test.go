package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/3astronautas/algesta/sandbox/control"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// spoils replaces a text in a file, and returns how to take that back.
func (n newcomer) spoils(name, from, to string) (repair func()) {
	n.Helper()
	text := string(n.reads(name))
	require.Contains(n, text, from)
	n.writes(name, strings.Replace(text, from, to, 1))
	return func() { n.writes(name, text) }
}

// doctorComesToSay runs the doctor until it ends badly with all of the texts: a kubelet and a scheduler say first what they've tried.
func (n newcomer) doctorComesToSay(line string, says ...string) {
	n.Helper()
	require.Eventually(n, func() bool {
		said, well := n.runs(binary, line)
		for _, s := range says {
			if !strings.Contains(said, s) {
				return false
			}
		}
		return !well
	}, patience, 2*time.Second, "%q", says)
}

// TestTheDoctorSaysWhichMistakeANewcomerMade in the tokens, the policy, the Secret, the image and the namespaces, and what to do about it.
func TestTheDoctorSaysWhichMistakeANewcomerMade(t *testing.T) {
	t.Parallel()
	n := newcomer{T: t, dir: t.TempDir(), cluster: control.Private(t)}
	n.has("production", "checkout")
	n.hasADisk()
	_, well := n.runs(binary, "bot init --who user:U0LUIS --approver user:U0CARLA")
	require.True(t, well)
	const doctor = "bot doctor --config algesta/config.yaml"
	require.False(t, n.doctorSays("bot doctor --config nowhere.yaml", "→ name the configuration with --config; `bot init` writes one"))

	slack := slackd.New(t, slackd.Options{ManifestFile: filepath.Join(n.dir, "algesta/slack-app.yaml")})
	const command = "  command: /algesta\n"
	n.spoils("algesta/config.yaml", command, command+"  apiURL: "+slack.APIURL()+"\n")
	n.writes("algesta/bot-token", slack.AppToken())
	n.writes("algesta/app-token", slack.AppToken()+"x")
	require.False(t, n.doctorSays(doctor, "FAIL  algesta/bot-token does not hold a Slack token that begins with xoxb-",
		"FAIL  the app token doesn't work: Slack answers invalid_auth"))
	n.writes("algesta/bot-token", slack.BotToken())
	n.writes("algesta/app-token", slack.AppToken())

	repair := n.spoils("algesta/policy.yaml", "\nbindings:", "\nbindngs:")
	require.False(t, n.doctorSays(doctor, `FAIL  algesta/policy.yaml: reading the policy: line 15: the policy has no key "bindngs"`))
	repair()

	// The sandbox's kubelet looks at no Secret: it's told to say what a real one does without it.
	values := n.reads("algesta/values.yaml")
	mistake := "podAnnotations:\n  sandbox.algesta.io/scenario: novolume\n  sandbox.algesta.io/message: " +
		`'MountVolume.SetUp failed for volume "slack" : secret "algesta-slack" not found'` + "\n"
	n.writes("algesta/values.yaml", string(values)+mistake)
	n.installs("helm install algesta algesta/chart -n algesta --create-namespace -f algesta/values.yaml --set-file policy=algesta/policy.yaml")
	n.doctorComesToSay(doctor, "FAIL  algesta in algesta doesn't run", "Secret algesta-slack",
		"→ kubectl create secret generic algesta-slack -n algesta --from-file=algesta/app-token --from-file=algesta/bot-token")

	image := `{"spec":{"template":{"metadata":{"annotations":null},"spec":{"containers":[{"name":"algesta",` +
		`"image":"registry.example.com/algesta:1.0.0-notfound"}]}}}}`
	_, err := n.cluster.Client.AppsV1().Deployments("algesta").Patch(t.Context(), "algesta", types.StrategicMergePatchType, []byte(image),
		metav1.PatchOptions{})
	require.NoError(t, err)
	const upgrade = "helm upgrade algesta algesta/chart -n algesta -f algesta/values.yaml --set-file policy=algesta/policy.yaml"
	n.doctorComesToSay(doctor, "FAIL  algesta in algesta doesn't run, of the image registry.example.com/algesta:1.0.0-notfound: Image "+
		"registry.example.com/algesta:1.0.0-notfound does not exist in its registry",
		"→ push the image, or correct image in algesta/values.yaml; then "+upgrade)
	n.writes("algesta/values.yaml", string(values))
	n.installs(upgrade)
	n.awaitsThePod()
	require.True(t, n.doctorSays(doctor, "ok    algesta runs in algesta, of the image ghcr.io/3astronautas/algesta"))

	n.spoils("algesta/config.yaml", "namespace: \"production\"", "namespace: \"prodution\"")
	require.False(t, n.doctorSays(doctor, "FAIL  there's no namespace prodution",
		"→ make it, or correct the namespace of its environment: did you mean production?"))
}
