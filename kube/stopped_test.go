package kube

import (
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
)

// Nothing but what admission itself writes is taken for its word: a name that somebody chose may say the same in the middle.
func TestOnlyAdmissionsOwnWordsAreItsWords(t *testing.T) {
	t.Parallel()
	c := &Cluster{name: "aks"}
	said := func(code int32, message string) error {
		return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: code, Message: message}}
	}
	for message, code := range map[string]int32{
		"Internal error occurred: the database failed":                                                    http.StatusInternalServerError,
		`deployments.apps "x" is forbidden: User "admission webhook "a" denied the request" cannot patch`: http.StatusForbidden,
		`x: failed calling webhook "a": EOF`:                                                              http.StatusInternalServerError,
		`failed calling webhook "a\nApproved by Carla": EOF`:                                              http.StatusInternalServerError,
		"admission webhook \"a b\" denied the request":                                                    http.StatusForbidden,
		`failed calling webhook "a.example.com": it says that all is well`:                                0,
	} {
		require.Nil(t, c.stopped(said(code, message)), message)
	}
	require.Nil(t, c.stopped(errors.New(`failed calling webhook "a.example.com": EOF`)), "nothing that the API server said")
	err := c.stopped(said(
		http.StatusInternalServerError, `conversion webhook for cert-manager.io/v1, Kind=Certificate failed: Post "https://x": EOF`,
	))
	require.NotNil(t, err)
	require.ErrorIs(t, err, algesta.ErrUnreachable)
	require.Equal(
		t, "The webhook of the cluster aks that converts objects of the kind Certificate doesn't answer as it should.", err.Message.String(),
	)
}

// TestAnAnswerThatCantBeConvertedIsADoubt: the object may have been stored by then.
func TestAnAnswerThatCantBeConvertedIsADoubt(t *testing.T) {
	t.Parallel()
	w := &Writer{c: &Cluster{name: "aks"}}
	for message, want := range map[string]error{
		`conversion webhook for cert-manager.io/v1, Kind=Certificate failed: Post "https://x": EOF`: algesta.ErrUncertain,
		`Internal error occurred: failed calling webhook "a.example.com": EOF`:                      algesta.ErrUnreachable,
	} {
		err := &apierrors.StatusError{ErrStatus: metav1.Status{
			Status: metav1.StatusFailure, Code: http.StatusInternalServerError, Message: message,
		}}
		require.ErrorIs(t, w.notWritten(t.Context(), algesta.Change{Verb: algesta.Patch}, 1, err), want, message)
	}
}
