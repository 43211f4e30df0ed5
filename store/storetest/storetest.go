// Package storetest says what an engine of the store has to do, as tests that any engine has to pass: what belongs together is stored
// together, a change is approved and written once, nothing that was accepted is lost, and messages keep their order. How an engine keeps
// it, on a disk or on another machine, is tested beside the engine. It is for tests alone.
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/store"
)

// Store is an engine as the bot uses it: commands, the transports, the sender and the metrics. The promises of each method are documented
// where package store implements it.
type Store interface {
	commands.Store
	Inbox
	Outbox
	Jobs
	Record
	// Close stops the jobs, finishes what is being written and closes Arrivals; whatever is called then answers store.ErrClosed.
	Close(ctx context.Context) error
}

// Inbox keeps what arrived.
type Inbox interface {
	Receive(ctx context.Context, v algesta.Invocation) (fresh bool, err error)
	Arrivals() <-chan algesta.Invocation
	Unanswered(ctx context.Context) ([]algesta.Invocation, error)
}

// Outbox keeps what is to be said.
type Outbox interface {
	Due(ctx context.Context, limit int) ([]algesta.Outgoing, error)
	Attempting(ctx context.Context, ids []int64) error
	Delivered(ctx context.Context, all []algesta.Delivery) error
	OutboxWake() <-chan struct{}
	OutboxLag(ctx context.Context) (age time.Duration, waiting int, err error)
	Lost(ctx context.Context, since time.Time) (n int, err error)
	Moved(ctx context.Context, from, to string) error
}

// Jobs is work for later.
type Jobs interface {
	Work(handlers map[algesta.JobKind]store.Handler)
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	Jobs(ctx context.Context) (n int, err error)
}

// Record is the audit, and what the metrics read.
type Record interface {
	Audit(ctx context.Context, request string) ([]algesta.Entry, error)
	Head(ctx context.Context) (store.Head, error)
	Verify(ctx context.Context, anchors ...store.Head) (store.Head, error)
	Alive(ctx context.Context) ([]algesta.Request, error)
	Prune(ctx context.Context, before time.Time) (gone int64, err error)
}

// Open opens the store of a place, which is an empty folder of the test's own: an engine may keep its files there, or take the path as a
// name. What was stored under a place is found by the next that opens it, after Close.
type Open func(tb testing.TB, place string) Store

// Run checks an engine for all that the bot relies on.
func Run(t *testing.T, open Open) {
	t.Helper()
	for name, hold := range promises {
		t.Run(name, func(t *testing.T) { hold(t, open) })
	}
}

// promises are the tests by what they promise. SECURITY.md and docs/reliability.md name them with Test before.
var promises = map[string]func(*testing.T, Open){
	"ABrokenGlassComesBackAsItWasStored":                  testABrokenGlassComesBackAsItWasStored,
	"AFollowedAnswerComesBackAsItWasStored":               testAFollowedAnswerComesBackAsItWasStored,
	"AFollowedAnswerIsNotOverwrittenByWhoeverIsLate":      testAFollowedAnswerIsNotOverwrittenByWhoeverIsLate,
	"AFollowedAnswerWithoutAJobGetsOne":                   testAFollowedAnswerWithoutAJobGetsOne,
	"AFollowedAnswerMovesWithItsChannel":                  testAFollowedAnswerMovesWithItsChannel,
	"ASilenceSurvivesARestartAndEndsOnce":                 testASilenceSurvivesARestartAndEndsOnce,
	"AnInvocationArrivesOnce":                             testAnInvocationArrivesOnce,
	"ADialogSentAgainWithSomethingElseIsTold":             testADialogSentAgainWithSomethingElseIsTold,
	"AnInvocationNeedsAKey":                               testAnInvocationNeedsAKey,
	"InvocationsArriveInTheirOrderHoweverSlowTheReaderIs": testInvocationsArriveInTheirOrderHoweverSlowTheReaderIs,
	"TheSameEnvelopeOnTwoSocketsIsFreshOnce":              testTheSameEnvelopeOnTwoSocketsIsFreshOnce,
	"UnansweredAreThoseOfTheProcessBefore":                testUnansweredAreThoseOfTheProcessBefore,
	"CloseEndsArrivals":                                   testCloseEndsArrivals,
	"ALateCallerDoesNotLoseItsEnvelope":                   testALateCallerDoesNotLoseItsEnvelope,
	"ARequestComesBackAsItWasStored":                      testARequestComesBackAsItWasStored,
	"ARequestKeepsWhoAskedForIt":                          testARequestKeepsWhoAskedForIt,
	"CreateRefusesAnIDOrKeyThatIsThere":                   testCreateRefusesAnIDOrKeyThatIsThere,
	"MoveHappensOnlyFromTheStatusesNamed":                 testMoveHappensOnlyFromTheStatusesNamed,
	"AnUnknownRequestIsAnUnknownName":                     testAnUnknownRequestIsAnUnknownName,
	"OnePersonApprovesOnce":                               testOnePersonApprovesOnce,
	"TwoVotesAtOnceApproveOnce":                           testTwoVotesAtOnceApproveOnce,
	"AnErrorUndoesItsOwnUpdateOnly":                       testAnErrorUndoesItsOwnUpdateOnly,
	"APanicStaysWithItsCaller":                            testAPanicStaysWithItsCaller,
	"AnUpdateWhoseCallerHasGoneIsNotRun":                  testAnUpdateWhoseCallerHasGoneIsNotRun,
	"AliveAndFollowedRequests":                            testAliveAndFollowedRequests,
	"AnExecutionComesBackAsItWasRecorded":                 testAnExecutionComesBackAsItWasRecorded,
	"OnlyOneWriteMayBeUndecidedPerObject":                 testOnlyOneWriteMayBeUndecidedPerObject,
	"AnotherObjectIsNotBlocked":                           testAnotherObjectIsNotBlocked,
	"IntendingAgain":                                      testIntendingAgain,
	"TwoWritesAtOnceOnOneObjectOneWins":                   testTwoWritesAtOnceOnOneObjectOneWins,
	"WhatWasCarriedOutOnAnObject":                         testWhatWasCarriedOutOnAnObject,
	"AWholePlanKeepsOthersAway":                           testAWholePlanKeepsOthersAway,
	"APlanIsWhereItWasAfterARestart":                      testAPlanIsWhereItWasAfterARestart,
	"WhatIsLeftOfAPlanIsNotDone":                          testWhatIsLeftOfAPlanIsNotDone,
	"APlanMayWriteToOneObjectTwice":                       testAPlanMayWriteToOneObjectTwice,
	"WhoWaitsForAnObjectIsFound":                          testWhoWaitsForAnObjectIsFound,
	"AFollowIsFoundByWhatItWrote":                         testAFollowIsFoundByWhatItWrote,
	"AButtonThatIsOverGoes":                               testAButtonThatIsOverGoes,
	"AUsedOfferComesBackWhereNothingWasChanged":           testAUsedOfferComesBackWhereNothingWasChanged,
	"AnOfferStaysAwayAfterALaterChange":                   testAnOfferStaysAwayAfterALaterChange,
	"AnOfferIsUsedByOneRequest":                           testAnOfferIsUsedByOneRequest,
	"OffersAreKept":                                       testOffersAreKept,
	"NothingOfACommandGoesBeforeItsCard":                  testNothingOfACommandGoesBeforeItsCard,
	"NewContentEditsTheMessage":                           testNewContentEditsTheMessage,
	"EndsGoBeforeProgress":                                testEndsGoBeforeProgress,
	"ARetryWaitsForItsTimeAndKeepsItsPlace":               testARetryWaitsForItsTimeAndKeepsItsPlace,
	"AnAttemptIsRememberedByTheNextProcess":               testAnAttemptIsRememberedByTheNextProcess,
	"ACardGoesFirstWheneverItWasStored":                   testACardGoesFirstWheneverItWasStored,
	"ADirectMessageIsNoReply":                             testADirectMessageIsNoReply,
	"AFreezeEndsOnce":                                     testAFreezeEndsOnce,
	"ALostMessageIsAuditedAndHoldsNobodyUp":               testALostMessageIsAuditedAndHoldsNobodyUp,
	"ALostMessageIsPostedAgainInTheSameContent":           testALostMessageIsPostedAgainInTheSameContent,
	"WhatOnePersonSeesKeepsItsButtons":                    testWhatOnePersonSeesKeepsItsButtons,
	"TheOutboxRingsAfterACommitThatLeftSomethingToSend":   testTheOutboxRingsAfterACommitThatLeftSomethingToSend,
	"TheLagIsTheAgeOfTheOldestMessageOwed":                testTheLagIsTheAgeOfTheOldestMessageOwed,
	"EveryMessageArrivesInOrderWithItsLastContent":        testEveryMessageArrivesInOrderWithItsLastContent,
	"ADeletedThreadIsPostedAgain":                         testADeletedThreadIsPostedAgain,
	"AThreadIsAboutWhatWasPostedThere":                    testAThreadIsAboutWhatWasPostedThere,
	"AChannelWithANewIDTakesItsMessagesAndRequestsAlong":  testAChannelWithANewIDTakesItsMessagesAndRequestsAlong,
	"AJobThatIsDueRunsAtOnce":                             testAJobThatIsDueRunsAtOnce,
	"AJobRunsAtItsTimeAndOnce":                            testAJobRunsAtItsTimeAndOnce,
	"AHandlerAsksToBeCalledAgain":                         testAHandlerAsksToBeCalledAgain,
	"AHandlerHasEightSeconds":                             testAHandlerHasEightSeconds,
	"ErrorsAndPanicsAreTriedAgain":                        testErrorsAndPanicsAreTriedAgain,
	"OneRequestIsNeverHandledTwiceAtOnce":                 testOneRequestIsNeverHandledTwiceAtOnce,
	"ScheduledWhileItRunsItRunsAgain":                     testScheduledWhileItRunsItRunsAgain,
	"WhatAProcessLeftIsDoneByTheNext":                     testWhatAProcessLeftIsDoneByTheNext,
	"StopWaitsForTheHandlerAndCancelsItInTheEnd":          testStopWaitsForTheHandlerAndCancelsItInTheEnd,
	"LeavingPendingCancelsTheExpiry":                      testLeavingPendingCancelsTheExpiry,
	"ReconcileGivesARequestItsJobBack":                    testReconcileGivesARequestItsJobBack,
	"TheAuditIsAChainThatAnchorsHold":                     testTheAuditIsAChainThatAnchorsHold,
	"AnIncidentComesBackAsItWasStored":                    testAnIncidentComesBackAsItWasStored,
	"OneIncidentOfACauseIsOpen":                           testOneIncidentOfACauseIsOpen,
	"AnIncidentIsNotOverwrittenByWhoeverIsLate":           testAnIncidentIsNotOverwrittenByWhoeverIsLate,
	"TheLastOfAnAlertIsKept":                              testTheLastOfAnAlertIsKept,
	"AnIncidentAndItsCardAreStoredTogether":               testAnIncidentAndItsCardAreStoredTogether,
	"AFreezeIsKnownUntilItIsEnded":                        testAFreezeIsKnownUntilItIsEnded,
	"AFreezeIsKeptOnce":                                   testAFreezeIsKeptOnce,
	"AFreezeThatIsNotCommittedForbidsNothing":             testAFreezeThatIsNotCommittedForbidsNothing,
}

// waitFor bounds every wait.
const waitFor = 10 * time.Second

// at opens the store of a place, and closes it at the end of the test.
func (o Open) at(tb testing.TB, place string) Store {
	tb.Helper()
	s := o(tb, place)
	tb.Cleanup(func() { closeStore(tb, s) })
	return s
}

// fresh opens an empty store.
func (o Open) fresh(tb testing.TB) Store {
	tb.Helper()
	return o.at(tb, tb.TempDir())
}

func closeStore(tb testing.TB, s Store) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitFor)
	defer cancel()
	require.NoError(tb, s.Close(ctx))
}

// update runs f in a transaction that has to succeed.
func update(tb testing.TB, s Store, f func(commands.Tx) error) {
	tb.Helper()
	require.NoError(tb, s.Update(context.Background(), f))
}

// next is what comes out of a channel.
func next[T any](tb testing.TB, c <-chan T) T {
	tb.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(waitFor):
		require.FailNow(tb, "nothing came")
		panic("unreachable")
	}
}
