package slackd_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

func TestWhatPeopleTypeArrivesAsSlackSendsIt(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	for name, tt := range map[string]struct{ typed, want string }{
		"plain words":                       {"rollback api-gateway production", "rollback api-gateway production"},
		"the three control characters":      {"a & b < c > d", "a &amp; b &lt; c &gt; d"},
		"a typed token is only text":        {"<@U0CARLA> <!channel>", "&lt;@U0CARLA&gt; &lt;!channel&gt;"},
		"a person":                          {"ask @carla.", "ask <@U0CARLA>."},
		"a person in capitals":              {"@Carla", "<@U0CARLA>"},
		"a person who left":                 {"@omar", "@omar"},
		"nobody":                            {"@nobody-here", "@nobody-here"},
		"a user group":                      {"@platform please", "<!subteam^S0PLATFORM|@platform> please"},
		"everyone":                          {"@here @channel", "<!here> <!channel>"},
		"a channel":                         {"in #ops,", "in <#C0OPS|ops>,"},
		"a private channel":                 {"#war-room", "<#C0WARROOM|>"},
		"no channel":                        {"#nothing", "#nothing"},
		"a link":                            {"see https://example.com/a?b=1&c=2.", "see <https://example.com/a?b=1&amp;c=2>."},
		"an e-mail":                         {"dana@example.com", "<mailto:dana@example.com|dana@example.com>"},
		"an e-mail that begins as a link":   {"http@example.com", "<mailto:http@example.com|http@example.com>"},
		"typography stays for the bot":      {"deploy “api” — now", "deploy “api” — now"},
		"a letter that grows in lower case": {"@İİİ #İ", "@İİİ #İ"},
	} {
		m, err := s.Say("U0LUIS", "C0RANDOM", "", tt.typed)
		require.NoError(t, err)
		require.Equal(t, tt.want, m.Text, name)
	}
}

func FuzzEscape(f *testing.F) {
	for _, seed := range []string{"@carla <b> #ops https://x.y & a@b.cd", "@", "#", "@İ", "<!channel>", "\xff@luis"} {
		f.Add(seed)
	}
	s := slackd.New(f, fast())
	f.Fuzz(func(t *testing.T, text string) {
		m, err := s.Say("U0LUIS", "C0RANDOM", "", text)
		if errors.Is(err, slackd.ErrEmpty) {
			return
		}
		require.NoError(t, err)
		for _, part := range strings.Split(m.Text, "<")[1:] { // every < starts a token of ours
			require.Regexp(t, `^(@U0|!subteam\^S0|!here>|!channel>|!everyone>|#C0|https?://|mailto:)[^<]*>`, part)
		}
	})
}
