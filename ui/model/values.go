package model

import (
	"strconv"
	"strings"

	"orrery/service/ipc"
	"orrery/ui/text"
)

// Settings of a network that are typed.
const (
	MTU       SettingKey = "mtu"
	JoinToken SettingKey = "token"
)

// The values that they can have.
const (
	minMTU    = 1280
	maxMTU    = 10000
	tokenSize = 256
)

// Value is a setting of a network that is typed, with a button to change it.
type Value struct {
	Key    SettingKey
	Label  string
	Text   string
	Change Button
}

// values returns a network's settings that are typed.
func (s *State) values(n *ipc.Network, enabled bool) []Value {
	enabled = enabled && s.May(ipc.Operator)
	change := func(k SettingKey) Button {
		b := s.guard(Button{Label: text.Get("value.change"), Action: Action{Do: OpenValue, Target: n.ID, Setting: k}})
		b.Enabled = b.Enabled && enabled
		return b
	}
	mtu := ""
	if n.MTU > 0 {
		mtu = text.Get("value.mtu", "mtu", strconv.Itoa(n.MTU))
	}
	if limit := n.Settings.MTU; limit != nil && *limit > 0 {
		mtu = joinSentences(mtu, text.Get("value.mtu.limit", "limit", strconv.Itoa(*limit)))
	}
	token := text.Get("value.token.none")
	if t := n.Settings.Token; t != nil && *t != "" {
		token = text.Get("value.token.set")
	}
	return []Value{
		{Key: MTU, Label: text.Get("value.mtu.label"), Text: mtu, Change: change(MTU)},
		{Key: JoinToken, Label: text.Get("value.token.label"), Text: token, Change: change(JoinToken)},
	}
}

// ValueInput is what the text of the dialog for a typed setting amounts to.
type ValueInput struct {
	Input
	Settings ipc.NetworkSettings
}

// Value is the text that the dialog for a typed setting begins with.
func (s *State) Value(network string, k SettingKey) string {
	set := s.networks[network].Settings
	switch {
	case k == MTU && set.MTU != nil && *set.MTU > 0:
		return strconv.Itoa(*set.MTU)
	case k == JoinToken && set.Token != nil:
		return *set.Token
	}
	return ""
}

// CheckValue reads the text of that dialog. Nothing takes the setting away.
func CheckValue(k SettingKey, field string) (v ValueInput) {
	field = strings.TrimSpace(field)
	switch k {
	case MTU:
		n, err := strconv.Atoi(field)
		if field == "" {
			n, err = 0, nil
		}
		if v.Settings.MTU = &n; err != nil || n != 0 && (n < minMTU || n > maxMTU) {
			return ValueInput{Input: Input{Wrong: true, Message: text.Get("value.mtu.wrong")}}
		}
		v.Message = text.Get("value.mtu.hint")
	case JoinToken:
		if len(field) > tokenSize || clean(field, tokenSize+1) != field {
			return ValueInput{Input: Input{Wrong: true, Message: text.Get("value.token.wrong")}}
		}
		v.Settings.Token, v.Message = &field, text.Get("value.token.hint")
	}
	v.Ready = true
	return v
}
