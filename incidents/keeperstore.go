package incidents

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/runbooks"
)

// store stores a change of an incident and what is posted about it, in one transaction, and takes it over. Whether that could be posted is
// noted.
func (k *Keeper) store(ctx context.Context, c Change) error {
	i := c.Incident
	before, known := k.book.all[i.ID]
	if known && c.Detail == nil && len(c.Note) == 0 && len(c.Events) == 0 && reflect.DeepEqual(before, i) && !k.book.moved[i.ID] {
		return nil
	}
	k.enrich(ctx, &i)
	past := k.past(ctx, i)
	data := algesta.Args{"incident": i.ID, "state": string(i.State), "because": c.Rules}
	saved := false
	err := k.Asker.PostAsRule(ctx, i.ID, asks(placeOf(i), i.Channel), data, func(tx commands.Tx) error {
		if err := propose(tx, &i); err != nil {
			return err
		}
		var err error
		if saved, err = tx.SaveIncident(i); err != nil || !saved {
			return errors.Join(err, errOther)
		}
		return write(tx, i, past, c)
	})
	if errors.Is(err, errOther) {
		return k.reload(ctx, i.ID)
	}
	k.notePosted(ctx, i.Channel, err)
	if err != nil {
		return err
	}
	i.Version++
	k.book.Stored(i)
	return nil
}

// errOther says that somebody else changed an incident meanwhile.
var errOther = errors.New("another process was quicker")

// reload takes over what another process made of an incident.
func (k *Keeper) reload(ctx context.Context, id string) error {
	stored, err := k.Records.Incidents(ctx, time.Now().Add(-week), mostRemembered)
	if err != nil {
		return fmt.Errorf("reading incident %s again: %w", id, err)
	}
	k.book.reset(stored)
	return nil
}

// write stores the messages of an incident: the card, the evidence below it, and the replies.
func write(tx commands.Tx, i algesta.Incident, past Past, c Change) error {
	post := func(kind algesta.PostKind, r algesta.Report) error {
		return tx.Post(algesta.Post{Command: i.ID, Kind: kind, Channel: i.Channel, About: i.About, Report: r})
	}
	card := algesta.Post{Command: i.ID, Kind: algesta.CardPost, Channel: i.Channel, About: i.About, Report: Card(i, past)}
	card.Final = i.State != algesta.IncidentOpen // its edit waits behind no progress: the reply that says the same doesn't, either
	if err := tx.Post(card); err != nil {
		return err
	}
	if c.Detail != nil && len(c.Detail.Body) > 0 {
		if err := post(algesta.DetailPost, *c.Detail); err != nil {
			return err
		}
	}
	if len(c.Note) > 0 {
		if err := post(algesta.PostKind(fmt.Sprintf("note %d", i.Notes)), algesta.Report{Tone: c.NoteTone, Title: c.Note}); err != nil {
			return err
		}
	}
	for _, e := range c.Events {
		if err := tx.AppendIncident(e); err != nil {
			return err
		}
	}
	return nil
}

// propose makes the buttons of the next step and of a snooze, once for each step.
func propose(tx commands.Tx, i *algesta.Incident) error {
	if i.State != algesta.IncidentOpen {
		i.Buttons, i.ButtonFor = nil, ""
		return nil
	}
	var proposed []algesta.Button
	if i.Cause.Runbook != "" {
		label := map[string]string{"rollback": "Roll back", "restart": "Restart"}[i.Cause.Runbook]
		proposed = append(proposed, algesta.Button{Label: label, Offer: &algesta.Offer{Runbook: i.Cause.Runbook, Target: i.About}})
	}
	step := i.Cause.Runbook + " " + i.About.Name
	if i.Silence == nil && i.Nth > 0 { // what is shown in a channel may be no incident
		step += " snooze " + i.ID
		proposed = append(proposed, snoozeButton(*i))
	}
	if i.ButtonFor == step {
		return nil
	}
	buttons, err := commands.StoreOffers(tx, proposed)
	if err != nil {
		return err
	}
	i.Buttons, i.ButtonFor = buttons, step
	return nil
}

// snoozeFor is how long the button of a card snoozes.
const snoozeFor = "1h"

// snoozeButton asks why, and then proposes what "snooze" does when it is typed.
func snoozeButton(i algesta.Incident) algesta.Button {
	about := i.About
	if about.Service == "" {
		about.Object = "namespace"
	}
	return algesta.Button{
		Label: "Snooze 1 h", AskReason: true,
		Offer: &algesta.Offer{
			Runbook: "snooze", Target: about, Args: algesta.Args{runbooks.IncidentArg.Name: i.ID, "until": snoozeFor},
		},
	}
}
