package networks

import (
	"reflect"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fw "fyne.io/fyne/v2/widget"

	"orrery/ui/model"
	"orrery/ui/text"
	"orrery/ui/widget"
)

// detail is what there is to know and to set about one network. Its parts stay
// the same objects while the network changes, so that focus stays where it is.
type detail struct {
	do      func(model.Action)
	content *fyne.Container
	shown   model.NetworkRow

	title     *widget.Text
	badge     *widget.Badge
	sentence  *widget.Text
	signIn    *fw.Button
	invite    *fw.Button
	toggle    *fw.Button
	check     *fw.Button // of the controller's key
	routes    *fyne.Container
	routeName fyne.CanvasObject
	away      *fyne.Container // members that are turned away
	values    *fyne.Container
	dns       *fyne.Container // name servers, and what became of them
	id        *widget.Copy
	addresses *fyne.Container
	fields    *fyne.Container
	lines     map[string]*line
	settings  *fyne.Container
	checks    []*fw.Check
	hints     []*widget.Text
}

// line is a label and a text beside it, hidden while there is no text.
type line struct {
	label fyne.CanvasObject
	value *widget.Text
}

func newDetail(do func(model.Action)) *detail {
	d := &detail{
		do: do, title: widget.Heading(""), badge: widget.NewBadge(model.Badge{}), sentence: widget.Body("").Muted(),
		signIn: fw.NewButton("", nil), invite: fw.NewButton("", nil), toggle: fw.NewButton("", nil), check: fw.NewButton("", nil), id: widget.NewCopy(model.Copyable{}, do),
		addresses: container.New(widget.Stacked{Closer: 6}), fields: container.New(widget.Fields{Closer: 8}), lines: map[string]*line{},
		settings: container.New(widget.Stacked{Closer: 6}), routes: container.NewVBox(), away: container.NewVBox(), values: container.NewVBox(), dns: container.New(widget.Stacked{Closer: 10}),
	}
	d.signIn.Importance = fw.HighImportance
	d.field("network.field.addresses", d.addresses)
	d.field("network.field.id", d.id)
	for _, id := range []string{
		"network.field.device", "network.field.port", "network.field.kind", "network.field.controller", "network.field.login", "network.field.bridging", "network.field.dns",
	} {
		v := widget.Body("")
		var value fyne.CanvasObject = v
		switch id {
		case "network.field.controller":
			value = container.NewBorder(nil, nil, nil, beside(d.check), v)
		case "network.field.dns":
			d.dns.Add(v)
			value = d.dns
		}
		d.lines[id] = &line{label: d.field(id, value), value: v}
	}
	d.routeName = d.field("network.field.routes", d.routes)
	head := container.NewBorder(nil, nil, nil, container.NewHBox(container.NewCenter(d.signIn), container.NewCenter(d.invite), container.NewCenter(d.toggle)), d.title)
	d.content = container.NewVBox(
		container.New(widget.Stacked{Closer: 8}, head, container.NewHBox(gap(), d.badge), d.sentence),
		d.away,
		widget.NewSurface(d.fields),
		widget.Short(text.Get("network.field.settings")).Bold(),
		widget.NewSurface(container.NewVBox(d.settings, d.values)),
	)
	return d
}

// gap is as wide as the padding of texts.
func gap() fyne.CanvasObject { return container.NewGridWrap(fyne.NewSize(3, 1), layout.NewSpacer()) }

// field adds a labelled value and returns the label.
func (d *detail) field(id string, value fyne.CanvasObject) fyne.CanvasObject {
	label := widget.Short(text.Get(id)).Muted()
	d.fields.Add(label)
	d.fields.Add(value)
	return label
}

func (d *detail) show(r model.NetworkRow) {
	d.title.SetText(r.Title)
	d.badge.Set(r.Badge)
	d.sentence.SetText(r.Sentence)
	widget.SetButton(d.signIn, r.SignIn, d.do)
	widget.SetButton(d.invite, r.Invite, d.do)
	widget.SetButton(d.toggle, r.Toggle, d.do)
	widget.SetButton(d.check, r.VerifyController, d.do)
	d.id.Set(model.Copyable{Text: r.ID, Copy: r.ID})
	if d.addresses.Objects == nil || !slices.Equal(r.Addresses, d.shown.Addresses) || !slices.Equal(r.AddressNotes, d.shown.AddressNotes) {
		d.showAddresses(r.Addresses, r.AddressNotes)
	}
	redraw(d.away, r.ID != d.shown.ID || !reflect.DeepEqual(r.Unverified, d.shown.Unverified), func() []fyne.CanvasObject { return drawUnverified(r.Unverified, d.do) })
	redraw(d.routes, r.ID != d.shown.ID || !slices.Equal(r.Routes, d.shown.Routes), func() []fyne.CanvasObject { return drawRoutes(r.ID, r.Routes, d.do) })
	redraw(d.dns, r.ID != d.shown.ID || r.DNSState != d.shown.DNSState || r.DNSNote != d.shown.DNSNote, func() []fyne.CanvasObject { return append(d.dns.Objects[:1:1], fate(r.DNSState, r.DNSNote)...) })
	show(r.DNS != "", d.dns)
	redraw(d.values, r.ID != d.shown.ID || !slices.Equal(r.Values, d.shown.Values), func() []fyne.CanvasObject { return drawValues(r.Values, d.do) })
	show(len(r.Routes) > 0, d.routeName, d.routes)
	device := r.Device
	if r.MAC != "" {
		device = strings.TrimSpace(device + "  " + r.MAC)
	}
	d.set("network.field.device", device)
	d.set("network.field.kind", r.Kind)
	d.set("network.field.controller", r.Controller)
	d.set("network.field.port", r.Port)
	d.set("network.field.login", r.Login)
	d.set("network.field.bridging", r.Bridging)
	d.set("network.field.dns", r.DNS)
	d.showSettings(r)
	d.shown = r
	d.content.Refresh()
}

// redraw makes a container's objects anew, if they have changed.
func redraw(c *fyne.Container, changed bool, draw func() []fyne.CanvasObject) {
	if changed {
		c.Objects = draw()
		c.Refresh()
	}
}

// show shows or hides objects.
func show(on bool, objects ...fyne.CanvasObject) {
	for _, o := range objects {
		if on {
			o.Show()
		} else {
			o.Hide()
		}
	}
}

func (d *detail) showAddresses(list []model.Copyable, notes []string) {
	d.addresses.RemoveAll()
	for _, a := range list {
		d.addresses.Add(container.NewHBox(widget.NewCopy(a, d.do)))
	}
	if len(list) == 0 {
		d.addresses.Add(widget.Line(text.Get("network.field.noaddresses")))
	}
	for _, n := range notes {
		d.addresses.Add(widget.Body(n).Muted().Small())
	}
}

func (d *detail) set(id, value string) {
	l := d.lines[id]
	l.value.SetText(value)
	show(value != "", l.label, l.value)
}

func (d *detail) showSettings(r model.NetworkRow) {
	if len(d.checks) != len(r.Settings) {
		d.settings.RemoveAll()
		d.checks, d.hints = nil, nil
		for range r.Settings {
			c, h := fw.NewCheck("", nil), widget.Body("").Muted().Small()
			d.checks, d.hints = append(d.checks, c), append(d.hints, h)
			d.settings.Add(container.New(widget.Stacked{Closer: 12}, c, container.NewBorder(nil, nil, checkIndent(), nil, h)))
		}
	}
	for i, s := range r.Settings {
		c := d.checks[i]
		c.OnChanged = nil
		c.Text = s.Label
		c.Checked = s.On
		c.OnChanged = func(on bool) { d.changed(r.ID, i, s, on) }
		if s.Enabled {
			c.Enable()
		} else {
			c.Disable()
		}
		c.Refresh()
		d.hints[i].SetText(s.Hint)
	}
}

// changed asks for a setting. The box shows what is, not what was asked for,
// until the service has done it.
func (d *detail) changed(id string, i int, s model.Setting, on bool) {
	d.checks[i].Checked = s.On
	d.checks[i].Refresh()
	d.do(model.Action{Do: model.SetNetwork, Target: id, Setting: s.Key, On: on})
}

// checkIndent is the width of a check box, so that hints stand under its text.
func checkIndent() fyne.CanvasObject {
	return container.NewGridWrap(fyne.NewSize(18, 1), layout.NewSpacer())
}
