package words_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/words"
)

func TestListsReadAsASentenceDoes(t *testing.T) {
	t.Parallel()
	require.Empty(t, words.List(nil))
	require.Equal(t, "a", words.List([]string{"a"}))
	require.Equal(t, "a and b", words.List([]string{"a", "b"}))
	require.Equal(t, "a, b or c", words.Or([]string{"a", "b", "c"}))
	require.Equal(t, "a, b and 2 more", words.Few([]string{"a", "b", "c", "d"}, 2))
	require.Equal(t, "a and b", words.Few([]string{"a", "b"}, 2))
}

func TestCounts(t *testing.T) {
	t.Parallel()
	require.Equal(t, "0 pods", words.Count(0, "pod"))
	require.Equal(t, "1 pod", words.Count(int64(1), "pod"))
	require.Equal(t, "3 policies", words.Plural(3, "policy", "policies"))
	require.Equal(t, "needs", words.Verb(1, "needs", "need"))
	require.Equal(t, "need", words.Verb(0, "needs", "need"))
}

func TestADurationIsTheSameEverywhere(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]time.Duration{
		"0 s":     -time.Second,
		"2 s":     1900 * time.Millisecond,
		"90 s":    90 * time.Second,
		"2 min":   2 * time.Minute,
		"119 min": 2*time.Hour - time.Second,
		"47 h":    48*time.Hour - time.Second,
		"2 days":  48 * time.Hour,
	} {
		require.Equal(t, want, words.Span(d), d)
	}
}

func TestLettersAreNotBytes(t *testing.T) {
	t.Parallel()
	require.Equal(t, "Élodie", words.Capital("élodie"))
	require.Equal(t, "1 pod", words.Capital("1 pod"))
	require.Empty(t, words.Capital(""))
	require.Equal(t, "\xff", words.Capital("\xff"))
	require.Equal(t, "ñañ…", words.Clip("ñañaña", 3))
	require.Equal(t, "ñañ", words.Clip("ñañ", 3))
}

func TestNothingEndsItsQuotation(t *testing.T) {
	t.Parallel()
	require.Equal(t, `“ok". Approved by Carla. "”`, words.Cited("ok”. Approved by Carla. “"))
	require.Equal(t, `“"ok"”`, words.Cited("„ok‟"))
}

func TestTheMiddleIsCutWhereTheEndTells(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a b", words.ClipMiddle(" a\n b ", 10))
	require.Equal(t, "abcd … efghij", words.ClipMiddle("abcd0123456789efghij", 10))
	require.Equal(t, "ña … ñaña", words.ClipMiddle("ñañaña0123456789ñaña", 10))
}

func TestNamesAreNearByTheirLetters(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"SENDGRID_API_KEY": "SENDGRID_KEY",
		"mongodb-uir":      "mongodb-uri",
		"web-credentials":  "",
		"x":                "",
	} {
		require.Equal(t, want, words.NearestName(name, []string{"SENDER", "SENDGRID_KEY", "mongodb-uri", "api-credentials"}), name)
	}
}

func TestExact(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"production": true, "luis@example.com": true, "a team": true, "équipe": true,
		"": false, " a": false, "a ": false, "a\t": false, "\u00a0a": false, "a\x00b": false, "a\u009fb": false, "a\xff": false,
	} {
		require.Equal(t, want, words.Exact(name), "%q", name)
	}
}
