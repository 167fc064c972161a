package widget

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	fw "fyne.io/fyne/v2/widget"

	own "orrery/ui/theme"
)

// Text is a text in one of the theme's roles.
type Text struct {
	fw.RichText
	segment *fw.TextSegment
}

func newText(s string, style fw.RichTextStyle) *Text {
	t := &Text{segment: &fw.TextSegment{Text: s, Style: style}}
	t.ExtendBaseWidget(t)
	t.Segments = []fw.RichTextSegment{t.segment}
	t.Scroll = fyne.ScrollNone
	return t
}

// Body is running text that wraps.
func Body(s string) *Text {
	t := newText(s, fw.RichTextStyle{ColorName: theme.ColorNameForeground, SizeName: theme.SizeNameText})
	t.Wrapping = fyne.TextWrapWord
	return t
}

// Line is one line of text that is cut with an ellipsis.
func Line(s string) *Text {
	t := newText(s, fw.RichTextStyle{ColorName: theme.ColorNameForeground, SizeName: theme.SizeNameText})
	t.Truncation = fyne.TextTruncateEllipsis
	return t
}

// Short is one line of text that is never cut.
func Short(s string) *Text {
	return newText(s, fw.RichTextStyle{ColorName: theme.ColorNameForeground, SizeName: theme.SizeNameText})
}

// Heading is the title of a page or a dialog's part.
func Heading(s string) *Text {
	t := newText(s, fw.RichTextStyle{ColorName: theme.ColorNameForeground, SizeName: theme.SizeNameSubHeadingText, TextStyle: fyne.TextStyle{Bold: true}})
	t.Truncation = fyne.TextTruncateEllipsis
	return t
}

// Muted gives a text second rank and returns it.
func (t *Text) Muted() *Text {
	t.segment.Style.ColorName = own.ColorMuted
	return t
}

// Small makes a text smaller and returns it.
func (t *Text) Small() *Text {
	t.segment.Style.SizeName = theme.SizeNameCaptionText
	return t
}

// Bold makes a text bold and returns it.
func (t *Text) Bold() *Text {
	t.segment.Style.TextStyle.Bold = true
	return t
}

// Mono sets a text in a font of one width and returns it.
func (t *Text) Mono() *Text {
	t.segment.Style.TextStyle.Monospace = true
	return t
}

// Sized sets a text in another size of the theme and returns it.
func (t *Text) Sized(n fyne.ThemeSizeName) *Text {
	t.segment.Style.SizeName = n
	return t
}

// Centered centres a text and returns it.
func (t *Text) Centered() *Text {
	t.segment.Style.Alignment = fyne.TextAlignCenter
	return t
}

// Wrapped lets a text run over several lines and returns it.
func (t *Text) Wrapped() *Text {
	t.Truncation = fyne.TextTruncateOff
	t.Wrapping = fyne.TextWrapWord
	return t
}

// SetText changes the text.
func (t *Text) SetText(s string) {
	if t.segment.Text == s {
		return
	}
	t.segment.Text = s
	t.Refresh()
}

// Content is the text.
func (t *Text) Content() string { return t.segment.Text }
