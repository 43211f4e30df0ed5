package slack

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// TestNobodyApprovesWhatTheyCannotSee: warnings and mentions come last in a plan, and stay; where anything else is left out, so is Approve.
func TestNobodyApprovesWhatTheyCannotSee(t *testing.T) {
	t.Parallel()
	plan := func(variables int) algesta.Report {
		names := make([]string, variables)
		for i := range names {
			names[i] = fmt.Sprintf("A_LONG_NAME_OF_A_VARIABLE_%04d changed", i)
		}
		return algesta.Report{
			Title: algesta.Say("Roll back"),
			Body: []algesta.Block{
				{
					Fields: []algesta.Field{
						{Label: "env", Value: algesta.Say("{}", strings.Join(names, "; "))},
						{Label: "lifecycle", Value: algesta.Say("added")},
					},
				},
				{Pre: strings.Join(names, "\n")},
				{Text: algesta.Say("⚠ the last warning")},
				{Text: algesta.Say("{}: one of you may approve.", algesta.MentionSubject("group:S0PLATFORM"))},
			},
			Buttons: []algesta.Button{
				{Label: "Approve", Action: algesta.Approve, ID: "c-1", Style: "primary"}, {Label: "Deny", Action: algesta.Deny, ID: "c-1"},
			},
		}
	}
	for variables, whole := range map[int]bool{3: true, 100: true, 400: false, 4000: false} {
		raw, err := json.Marshal(render(plan(variables), nil).blocks)
		require.NoError(t, err)
		shown := string(raw)
		require.Contains(t, shown, "the last warning", variables)
		require.Contains(t, shown, `"usergroup_id":"S0PLATFORM"`, variables)
		require.Contains(t, shown, `"action_id":"deny"`, variables)
		if whole {
			require.Contains(t, shown, `"action_id":"approve"`, variables)
			require.NotContains(t, shown, " more", variables)
			continue
		}
		require.NotContains(t, shown, `"action_id":"approve"`, variables)
		require.Contains(t, shown, "so it can't be approved", variables)
	}
}

func TestALinkWithASecretIsNoLink(t *testing.T) {
	t.Parallel()
	secret := "hunter" + "2xyz"
	report := func(address string) string {
		raw, err := json.Marshal(render(algesta.Report{Title: algesta.Text{{Kind: algesta.Link, ID: address, Text: "here"}}}, nil).blocks)
		require.NoError(t, err)
		return string(raw)
	}
	require.NotContains(t, report("https://example.com/x?password="+secret), secret)
	require.NotContains(t, report("https://u:"+secret+"@example.com/x"), secret)
	require.Contains(t, report("https://example.com/x"), "https://example.com/x")
}

// What is in a file is all of it, whatever its length: the last row of a plan and the newest line of a log, too.
func TestNothingIsCutFromAFile(t *testing.T) {
	t.Parallel()
	rows := strings.Repeat("env  A_LONG_NAME_OF_A_VARIABLE changed\n", 9000)
	approve := []algesta.Button{{Label: "Approve", Action: algesta.Approve, ID: "c-1", Style: "primary"}}
	for name, report := range map[string]algesta.Report{
		"of the message": {Body: []algesta.Block{{Pre: rows + "image  the last row"}}, File: &algesta.File{Name: "plan"}, Buttons: approve},
		"of its own":     {File: &algesta.File{Name: "log", Text: rows + "image  the last row"}},
	} {
		report.Title = algesta.Say("Roll back")
		_, content, ok := fileOf(algesta.Outgoing{Post: algesta.Post{Command: "c-1"}}, render(report, nil), byPost)
		require.True(t, ok, name)
		require.Contains(t, content, rows, name)
		require.Contains(t, content, "image  the last row", name)
	}
}
