package diagnosis_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"pgregory.net/rapid"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// fixtures are the files of objects of every rule and scenario.
func fixtures(tb testing.TB) map[string][]byte {
	tb.Helper()
	files := map[string][]byte{}
	for _, folder := range []string{"testdata", filepath.Join("rules", "testdata")} {
		require.NoError(tb, filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(name) != ".yaml" {
				return err
			}
			files[name], err = os.ReadFile(name)
			return err
		}))
	}
	require.Greater(tb, len(files), 100)
	return files
}

// secretsIn hides secrets in everything of a snapshot into which people and programs write them.
type secretsIn struct{ command, url, message string }

func (in secretsIn) containers(spec *corev1.PodSpec) {
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			c := &list[i]
			if len(c.Command) == 0 {
				c.Command = []string{"/usr/bin/mysql"}
			}
			c.Args = append(c.Args, "mysql", "-p"+in.command, "--api-token", in.command, "--url=https://robot:"+in.url+"@example.com/x")
		}
	}
}

// text has a secret in the forms in which messages have one, and the whole command as runtimes quote it.
func (in secretsIn) text(said string, padding int) string {
	if said == "" {
		return ""
	}
	return said + strings.Repeat(
		"x",
		padding,
	) + " password=" + in.message + ` exec: "mysql -h db -p` + in.command + ` https://robot:` + in.url + `@example.com": failed`
}

func (in secretsIn) object(object runtime.Object, padding int) {
	switch o := object.(type) {
	case *corev1.Pod:
		in.containers(&o.Spec)
		o.Status.Message = in.text(o.Status.Message, padding)
		for i := range o.Status.Conditions {
			o.Status.Conditions[i].Message = in.text(o.Status.Conditions[i].Message, padding)
		}
		for _, statuses := range [][]corev1.ContainerStatus{o.Status.InitContainerStatuses, o.Status.ContainerStatuses} {
			for i := range statuses {
				for _, state := range []*corev1.ContainerState{&statuses[i].State, &statuses[i].LastTerminationState} {
					if state.Waiting != nil {
						state.Waiting.Message = in.text(state.Waiting.Message, padding)
					}
					if state.Terminated != nil {
						state.Terminated.Message = in.text(state.Terminated.Message, padding)
					}
				}
			}
		}
	case *appsv1.Deployment:
		in.containers(&o.Spec.Template.Spec)
		for i := range o.Status.Conditions {
			o.Status.Conditions[i].Message = in.text(o.Status.Conditions[i].Message, padding)
		}
	case *appsv1.ReplicaSet:
		in.containers(&o.Spec.Template.Spec)
		for i := range o.Status.Conditions {
			o.Status.Conditions[i].Message = in.text(o.Status.Conditions[i].Message, padding)
		}
	case *corev1.Node:
		for i := range o.Status.Conditions {
			o.Status.Conditions[i].Message = in.text(o.Status.Conditions[i].Message, padding)
		}
	case *corev1.Event:
		o.Message = in.text(o.Message, padding)
	}
}

// Whatever is wrong, and wherever a text is cut for a sentence: a secret of a command line, a URL or a message is in no part of the answer,
// and neither is half of one.
func TestNoAnswerHoldsASecret(t *testing.T) {
	t.Parallel()
	in := secretsIn{
		command: rapid.StringMatching(`[A-HJ-NP-Z]{7}[2-9]{7}[a-hj-k]{6}`).Example(1),
		url:     rapid.StringMatching(`[a-k]{7}[2-9]{6}[A-K]{7}`).Example(2),
		message: rapid.StringMatching(`[2-9]{6}[A-K]{7}[a-k]{7}`).Example(3),
	}
	for name, data := range fixtures(t) {
		t.Run(strings.TrimPrefix(name, "testdata/"), func(t *testing.T) {
			t.Parallel()
			for _, padding := range []int{0, 60, 110, 190, 350} {
				d := decoded(t, data)
				for _, object := range d.Objects {
					in.object(object, padding)
				}
				s := facts.NewSnapshot(noon, d.Objects, d.NotChecked)
				for _, wanted := range facts.WantedLogs(s, facts.Ref{}) {
					s.AddLog(wanted, fmt.Appendf(nil, "%s\npanic: %s + mysql -p%s\n", in.text("ERROR", padding), strings.Repeat("y", padding), in.command))
				}
				answer := diagnosis.Diagnose(s, facts.Ref{})
				encoded, err := json.Marshal(answer)
				require.NoError(t, err)
				for _, told := range []string{answer.Text(), string(encoded)} {
					for _, secret := range []string{in.command, in.url, in.message} {
						for at := range len(secret) - 5 {
							if i := strings.Index(told, secret[at:at+6]); i >= 0 {
								require.Fail(t, "a part of a secret is shown", "padding %d: %s", padding, told[max(0, i-200):min(len(told), i+60)])
							}
						}
					}
				}
			}
		})
	}
}

// Of a command the first line names the program and nothing else.
func TestACommandIsNamedByItsProgram(t *testing.T) {
	t.Parallel()
	secret := "S3c" + "ret" + fmt.Sprint(len(t.Name())*7919)
	cases := map[string]struct {
		command, args []string
		says          string
	}{
		"a path": {
			[]string{"/app/server", "--port=3000", "--api-token", secret},
			nil,
			`The command "/app/server" of container ms-orders`,
		},
		"one word with its arguments": {[]string{"mysql -h db -p" + secret}, nil, `The command "mysql" of container ms-orders`},
		"arguments alone":             {nil, []string{"serve", "postgres://u:" + secret + "@db/x"}, `The command "serve" of container ms-orders`},
		"an assignment":               {[]string{"TOKEN=" + secret, "serve"}, nil, `The command of container ms-orders`},
		"a flag":                      {nil, []string{"--password=" + secret}, `The command of container ms-orders`},
		"a URL":                       {[]string{"https://u:" + secret + "@example.com"}, nil, `The command of container ms-orders`},
		"nothing":                     {nil, nil, `The command of container ms-orders`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile("rules/testdata/command-not-found/fires.yaml")
			require.NoError(t, err)
			d := decoded(t, data)
			for _, object := range d.Objects {
				if p, ok := object.(*corev1.Pod); ok {
					p.Spec.Containers[0].Command, p.Spec.Containers[0].Args = c.command, c.args
					for i := range p.Status.ContainerStatuses {
						if w := p.Status.ContainerStatuses[i].State.Waiting; w != nil {
							w.Message = `exec: "` + strings.Join(append(c.command, c.args...), " ") + `": executable file not found in $PATH`
						}
					}
				}
			}
			answer := diagnosis.Diagnose(facts.NewSnapshot(noon, d.Objects, d.NotChecked), facts.Ref{})
			require.Contains(t, answer.Summary, c.says)
			encoded, err := json.Marshal(answer)
			require.NoError(t, err)
			require.NotContains(t, string(encoded), secret)
		})
	}
}
