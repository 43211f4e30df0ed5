package runbooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// fourth is the gateway after a deploy of 12346, which runs now.
func fourth() *still {
	s := gateway()
	now := template("12346", nil)
	s.revision(4, now, "deploy 12346 by Luis (c-4)", time.Minute)
	s.deployment.Spec.Template = now
	return s
}

func TestARollbackGoesToTheLastVersionThatWasHealthy(t *testing.T) {
	t.Parallel()
	// past is what the bot saw of revision 3, which runs 12345.
	past := func(status algesta.Status, hour int) algesta.Past {
		return algesta.Past{
			Request:  "c-aqhsqw",
			Template: hashOf(gateway().deployment.Spec.Template),
			Status:   status,
			Note:     "Pod x crashes after it starts (exit 1, 2 restarts).",
			At:       noon.Add(time.Duration(hour) * time.Hour),
		}
	}
	noPods := past(algesta.Succeeded, 2)
	noPods.NoPods = true
	second := algesta.Past{Request: "c-bbbbbb", Template: hashOf(template("12345", nil)), Status: algesta.Failed, Note: "exit 1", At: noon}
	first := algesta.Past{Request: "c-cccccc", Template: hashOf(oldTemplate()), Status: algesta.TimedOut, Note: "too slow", At: noon}
	tests := map[string]struct {
		past    []algesta.Past
		args    algesta.Args
		summary string
		warning string
		refused string
	}{
		"nothing is known of any": {nil, nil, "Roll back api-gateway-production: 12346 → 12345 (revision 3)", "", ""},
		"the last one failed": {
			[]algesta.Past{past(algesta.Failed, 1)},
			nil,
			"Roll back api-gateway-production: 12346 → 12344 (revision 1)",
			"",
			"",
		},
		"the last one failed once and was healthy before": {
			[]algesta.Past{past(algesta.Failed, 1), past(algesta.Succeeded, 0)},
			nil, "Roll back api-gateway-production: 12346 → 12345 (revision 3)",
			"Revision 3 failed the last time I watched it (c-aqhsqw, 2026-11-22 13:00 UTC: Pod x crashes after it starts (exit 1, 2 restarts)).", "",
		},
		"it was healthy again": {
			[]algesta.Past{past(algesta.Succeeded, 1), past(algesta.Failed, 0)},
			nil,
			"Roll back api-gateway-production: 12346 → 12345 (revision 3)",
			"",
			"",
		},
		"no pod of it ran the last time": {
			[]algesta.Past{noPods, past(algesta.Failed, 1)},
			nil,
			"Roll back api-gateway-production: 12346 → 12344 (revision 1)",
			"",
			"",
		},
		"one that failed is named": {
			[]algesta.Past{past(algesta.Failed, 1)},
			algesta.Args{"to-revision": int64(3)},
			"Roll back api-gateway-production: 12346 → 12345 (revision 3)",
			"Revision 3 failed the last time I watched it (c-aqhsqw, 2026-11-22 13:00 UTC: Pod x crashes after it starts (exit 1, 2 restarts)).", "",
		},
		"all failed": {
			[]algesta.Past{past(algesta.Failed, 1), second, first},
			nil,
			"",
			"",
			"Every earlier version of api-gateway-production failed when I watched it: revision 3 (c-aqhsqw, 2026-11-22 13:00 UTC: Pod x crashes " +
				"after it starts (exit 1, 2 restarts)), 2 (c-bbbbbb, 2026-11-22 12:00 UTC: exit 1) and 1 (c-cccccc, 2026-11-22 12:00 UTC: too slow).",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := input("rollback", tt.args)
			in.Past = tt.past
			book, _ := runbooks.Find("rollback")
			p, err := book.Plan(t.Context(), whole(fourth()), in)
			if tt.refused != "" {
				var e *algesta.Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, tt.refused, e.Message.String())
				require.Equal(t, "If you want it nevertheless: /algesta rollback api-gateway production --to-revision=3", e.Hint.String())
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.summary, p.Summary.String())
			var warnings []string
			if tt.warning != "" {
				warnings = []string{tt.warning}
			}
			require.Equal(t, warnings, words(p.Warnings))
		})
	}
}

// An Undo that brings back what never came up is a trap below a change that went wrong, so it's marked.
func TestAnUndoKnowsThatItBringsBackWhatNeverCameUp(t *testing.T) {
	t.Parallel()
	past := func(status algesta.Status, hour int) algesta.Past {
		return algesta.Past{
			Request: "c-4", Template: hashOf(fourth().deployment.Spec.Template), Status: status, At: noon.Add(time.Duration(hour) * time.Hour),
		}
	}
	for name, tt := range map[string]struct {
		past []algesta.Past
		undo bool
	}{
		"nothing is known of it":           {nil, true},
		"it failed":                        {[]algesta.Past{past(algesta.Failed, 0)}, false},
		"it came up once and failed later": {[]algesta.Past{past(algesta.Failed, 1), past(algesta.Succeeded, 0)}, true},
		"it came up after a failure":       {[]algesta.Past{past(algesta.Succeeded, 1), past(algesta.Failed, 0)}, true},
	} {
		for command, args := range map[string]algesta.Args{"rollback": nil, "deploy": {"image": "12347"}} {
			t.Run(command+", "+name, func(t *testing.T) {
				t.Parallel()
				in := input(command, args)
				in.Past = tt.past
				book, _ := runbooks.Find(command)
				p, err := book.Plan(t.Context(), whole(fourth()), in)
				require.NoError(t, err)
				require.Equal(t, tt.undo, !p.Undo.ToFailed)
			})
		}
	}
}

func TestARevisionIsFoundByItsTag(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args    algesta.Args
		with    func(*still)
		summary string
		message string
		hint    string
	}{
		"a number that is a tag": {
			algesta.Args{"to-revision": int64(12344)},
			nil,
			"Roll back api-gateway-production: 12346 → 12344 (revision 1)",
			"",
			"",
		},
		"a restart of the same": {algesta.Args{"version": "12345"}, nil, "Roll back api-gateway-production: 12346 → 12345 (revision 3)", "", ""},
		"no number": {
			algesta.Args{"version": "v1.2"},
			func(s *still) { s.sets[0].Spec.Template.Spec.Containers[0].Image = registry + "v1.2" },
			"Roll back api-gateway-production: 12346 → v1.2 (revision 1)", "", "",
		},
		"the same tag with other settings": {
			algesta.Args{"version": "12345"},
			func(s *still) { s.sets[1].Spec.Template.Spec.Containers[0].Args = []string{"--slow"} },
			"",
			"Several revisions of api-gateway-production run 12345 with different settings: 3 and 2.",
			"Say which one: /algesta rollback api-gateway production --to-revision=3",
		},
		"a tag that no revision has": {
			algesta.Args{"to-revision": int64(12399)},
			nil,
			"",
			"api-gateway-production has no revision 12399.",
			"The revisions are 4 (now, 12346), 3 (12345), 2 (12345) and 1 (12344). For example: /algesta rollback api-gateway production " +
				"--to-revision=3",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fourth()
			if tt.with != nil {
				tt.with(s)
			}
			p, err := planned(t, s, "rollback", tt.args)
			if tt.message != "" {
				var e *algesta.Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, tt.message, e.Message.String())
				require.Equal(t, tt.hint, e.Hint.String())
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.summary, p.Summary.String())
		})
	}
}
