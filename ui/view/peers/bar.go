package peers

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fw "fyne.io/fyne/v2/widget"

	"orrery/ui/model"
	"orrery/ui/widget"
)

// bar has what is known of the selected peer's trust, and what can be done.
type bar struct {
	do       func(model.Action)
	content  fyne.CanvasObject
	title    *widget.Text
	address  *widget.Copy
	trust    *widget.Badge
	sentence *widget.Text
	verify   *fw.Button
	rename   *fw.Button
	block    *fw.Button
	settle   *fw.Button
	forget   *fw.Button
}

func newBar(do func(model.Action)) *bar {
	b := &bar{
		do: do, title: widget.Line("").Bold(), address: widget.NewCopy(model.Copyable{}, do), trust: widget.NewBadge(model.Badge{}),
		sentence: widget.Body("").Muted(),
		verify:   fw.NewButton("", nil), rename: fw.NewButton("", nil), block: fw.NewButton("", nil), settle: fw.NewButton("", nil), forget: fw.NewButton("", nil),
	}
	b.verify.Importance = fw.HighImportance
	head := container.NewHBox(b.address, b.trust)
	buttons := container.NewHBox(b.forget, b.settle, b.rename, b.block, b.verify)
	b.content = container.NewPadded(widget.NewSurface(container.NewVBox(container.NewBorder(nil, nil, head, buttons, b.title), b.sentence)))
	return b
}

func (b *bar) show(r model.PeerRow) {
	b.title.SetText(r.Name) // what there is no room for is cut
	b.address.Set(model.Copyable{Text: r.Address, Copy: r.Address})
	b.trust.Set(r.Trust)
	sentence := r.TrustText
	if r.Why != "" {
		sentence = r.Why + "\n" + sentence
	}
	if r.Note != "" {
		sentence += "\n" + r.Note
	}
	b.sentence.SetText(sentence)
	widget.SetButton(b.verify, r.Verify, b.do)
	widget.SetButton(b.rename, r.Rename, b.do)
	widget.SetButton(b.block, r.Block, b.do)
	widget.SetButton(b.settle, r.Settle, b.do)
	widget.SetButton(b.forget, r.Forget, b.do)
	b.content.Refresh()
}
