package slack

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	slackapi "github.com/slack-go/slack"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact"
)

// The modals of forms.
const (
	formCallback = "algesta_form"
	homeCallback = "algesta_home"
	fieldAction  = "value"
	fieldPrefix  = "field:"
	maxViewTitle = 24
	maxChoice    = 75 // characters of a choice and of its detail
)

// fieldBlock is the block of a field. Slack keeps what people filled in while a block has the same ID, so it holds what the field depends
// on.
func fieldBlock(f algesta.Input) string {
	of := fnv.New32a()
	_, _ = of.Write([]byte(f.Of + "\n" + string(f.Kind))) // a hash takes everything
	return fmt.Sprintf("%s%s:%08x", fieldPrefix, f.Name, of.Sum32())
}

// ofThis is a form without what was filled in about something else: a number of pods belongs to the service for which it stood there.
// blocks are those of the form before.
func ofThis(f algesta.Form, blocks map[string]string) algesta.Form {
	f.Fields = slices.Clone(f.Fields)
	for i, field := range f.Fields {
		if before := blocks[field.Name]; before != "" && before != fieldBlock(field) && field.Now != "" {
			f.Fields[i].Value = field.Now
		}
	}
	return f
}

// fieldOf is the name of the field in a block.
func fieldOf(block string) (name string, ok bool) {
	rest, ok := strings.CutPrefix(block, fieldPrefix)
	at := strings.LastIndexByte(rest, ':')
	if !ok || at < 0 {
		return "", false
	}
	return rest[:at], true
}

// loading is what a modal shows until its form is there.
func loading(at formPlace) slackapi.ModalViewRequest {
	return modal("Run a command", at, slackapi.NewSectionBlock(
		plainText("Loading… If this takes long, close it and type the command.", 3000), nil, nil,
	))
}

// failed is what a modal shows whose form couldn't be made.
func failed(at formPlace) slackapi.ModalViewRequest {
	return modal("Run a command", at, slackapi.NewSectionBlock(
		plainText("Something went wrong on my side, and nothing was run. Close this and type the command.", 3000), nil, nil,
	))
}

func modal(title string, at formPlace, blocks ...slackapi.Block) slackapi.ModalViewRequest {
	meta, err := json.Marshal(at)
	if err != nil || len(meta) > maxMetadata {
		at.Text, at.Reply = "", ""
		meta, _ = json.Marshal(at) // a struct of strings
	}
	return slackapi.ModalViewRequest{
		Type: slackapi.VTModal, CallbackID: formCallback, PrivateMetadata: string(meta), Title: plainText(title, maxViewTitle),
		Close: plainText("Close", maxViewTitle), Blocks: slackapi.Blocks{BlockSet: blocks},
	}
}

// maxMetadata is how long the private metadata of a view may be.
const maxMetadata = 3000

// formView draws a form, within Slack's limits whatever it holds. All text of it is plain text without secrets, so that nothing in it is
// read as markup or as a mention.
func formView(f algesta.Form, at formPlace, redactor *redact.Redactor) slackapi.ModalViewRequest {
	clean := sanitizer{redactor}
	var blocks []slackapi.Block
	for i, t := range f.Intro {
		if text := strings.TrimSpace(clean.text(t).String()); text != "" && len(blocks) < mostIntro {
			s := slackapi.NewSectionBlock(plainText(text, 2000), nil, nil)
			s.BlockID = "intro" + strconv.Itoa(i)
			blocks = append(blocks, s)
		}
	}
	inputs, size := 0, 0
	for _, in := range f.Fields {
		b := fieldInput(in, clean)
		if b == nil {
			continue
		}
		encoded, err := json.Marshal(b)
		if size += len(encoded); err != nil || size > maxFieldBytes || len(blocks) == maxViewBlocks {
			break
		}
		blocks, inputs = append(blocks, b), inputs+1
	}
	if len(blocks) == 0 { // Slack refuses a view without any
		blocks = append(blocks, slackapi.NewSectionBlock(plainText("There's nothing to fill in. Type the command.", 3000), nil, nil))
	}
	view := modal(clean.line(f.Title), at, blocks...)
	if f.Send != "" && inputs > 0 {
		view.Submit = plainText(clean.line(f.Send), maxViewTitle)
	} else if inputs > 0 { // Slack refuses inputs without it
		view.Submit = plainText("Next", maxViewTitle)
	}
	return view
}

// What fits into a view: 100 blocks and 250 KB (views.open, view_too_large).
const (
	maxViewBlocks = 100
	maxFieldBytes = 150_000
	mostIntro     = 8 // sentences
)

// fieldInput draws one field, nil for one that nobody could fill in.
func fieldInput(f algesta.Input, clean sanitizer) slackapi.Block {
	var element slackapi.BlockElement
	switch f.Kind {
	case algesta.ChooseInput:
		choices, first := options(f, clean)
		if len(choices) == 0 {
			return nil
		}
		e := slackapi.NewOptionsSelectBlockElement(slackapi.OptTypeStatic, plainText("Choose", 150), fieldAction, choices...)
		e.InitialOption = first
		element = e
	case algesta.NumberInput:
		e := slackapi.NewNumberInputBlockElement(nil, fieldAction, false).WithMinValue(strconv.FormatInt(f.Min, 10))
		if f.Max > 0 {
			e = e.WithMaxValue(strconv.FormatInt(f.Max, 10))
		}
		if n, err := strconv.ParseInt(f.Value, 10, 64); err == nil && n >= f.Min && (f.Max <= 0 || n <= f.Max) {
			e = e.WithInitialValue(f.Value)
		}
		element = e
	case algesta.SwitchInput:
		yes := slackapi.NewOptionBlockObject(algesta.SwitchedOn, plainText("Yes", maxChoice), nil)
		e := slackapi.NewCheckboxGroupsBlockElement(fieldAction, yes)
		if f.Value == algesta.SwitchedOn {
			e.InitialOptions = []*slackapi.OptionBlockObject{yes}
		}
		element = e
	case algesta.ChannelInput:
		e := slackapi.NewOptionsSelectBlockElement(slackapi.OptTypeConversations, plainText("Choose a channel", 150), fieldAction)
		e.Filter = &slackapi.SelectBlockElementFilter{Include: []string{"public", "private"}}
		if channelID.MatchString(f.Value) {
			e.InitialConversation = f.Value
		}
		element = e
	case algesta.TextInput:
		e := slackapi.NewPlainTextInputBlockElement(nil, fieldAction)
		e.MaxLength = int(min(max(f.Max, 1), 3000))
		if value := clean.line(f.Value); value == f.Value && utf8.RuneCountInString(value) <= e.MaxLength {
			e.InitialValue = value
		}
		element = e
	default:
		return nil
	}
	b := slackapi.NewInputBlock(fieldBlock(f), plainText(clean.line(f.Label), 200), nil, element)
	if hint := clean.line(f.Hint); hint != "" {
		b.Hint = plainText(hint, 500)
	}
	b.Optional = f.Optional || f.Kind == algesta.SwitchInput
	b.DispatchAction = f.Again && f.Kind == algesta.ChooseInput
	return b
}

// options are the choices of a field within Slack's limits, and the one that is filled in. A value that holds a secret is none.
func options(f algesta.Input, clean sanitizer) (all []*slackapi.OptionBlockObject, first *slackapi.OptionBlockObject) {
	seen := map[string]bool{}
	for _, c := range f.Choices {
		if c.Value == "" || seen[c.Value] || len(c.Value) > algesta.LongestChoice || len(all) == algesta.MostChoices ||
			clean.line(c.Value) != c.Value {
			continue
		}
		seen[c.Value] = true
		o := slackapi.NewOptionBlockObject(c.Value, plainText(clean.line(c.Label), maxChoice), nil)
		if detail := clean.line(c.Detail); detail != "" {
			o.Description = plainText(detail, maxChoice)
		}
		all = append(all, o)
		if c.Value == f.Value {
			first = o
		}
	}
	return slices.Clip(all), first
}
