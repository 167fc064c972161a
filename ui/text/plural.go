package text

import "strings"

// form is a plural category of Unicode CLDR.
type form string

const (
	one   form = "one"
	two   form = "two"
	few   form = "few"
	many  form = "many"
	other form = "other"
)

// pluralRule is the CLDR rule for whole numbers of a language. Languages that
// are not listed count as English does.
func pluralRule(language string) func(n int) form {
	language, _, _ = strings.Cut(language, "-")
	switch language {
	case "ja", "ko", "zh", "vi", "th", "id", "ms":
		return func(int) form { return other }
	case "fr", "hy", "kab":
		return func(n int) form { return oneIf(n == 0 || n == 1) }
	case "ru", "uk", "be":
		return eastSlavic
	case "pl":
		return polish
	case "cs", "sk":
		return func(n int) form {
			if n >= 2 && n <= 4 {
				return few
			}
			return oneIf(n == 1)
		}
	case "he":
		return func(n int) form {
			if n == 2 {
				return two
			}
			return oneIf(n == 1)
		}
	case "ar":
		return arabic
	}
	return func(n int) form { return oneIf(n == 1) }
}

func oneIf(is bool) form {
	if is {
		return one
	}
	return other
}

func eastSlavic(n int) form {
	switch d, h := n%10, n%100; {
	case d == 1 && h != 11:
		return one
	case d >= 2 && d <= 4 && (h < 12 || h > 14):
		return few
	}
	return many
}

func polish(n int) form {
	switch d, h := n%10, n%100; {
	case n == 1:
		return one
	case d >= 2 && d <= 4 && (h < 12 || h > 14):
		return few
	}
	return many
}

func arabic(n int) form {
	switch h := n % 100; {
	case n == 0:
		return "zero"
	case n == 1:
		return one
	case n == 2:
		return two
	case h >= 3 && h <= 10:
		return few
	case h >= 11:
		return many
	}
	return other
}
