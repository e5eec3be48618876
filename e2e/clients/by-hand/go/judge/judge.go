// Package judge is what the scenarios of all Go clients have in common.
package judge

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// Each is how many records are written with each codec.
const Each = 20

// Arguments are the brokers' addresses and whether this is the first part. A run that takes too long ends with 1.
func Arguments() (servers []string, first bool) {
	time.AfterFunc(90*time.Second, func() { Check(false, "this takes too long") })
	return strings.Split(os.Args[1], ","), os.Args[2] == "first"
}

// Check ends the program when something is not as it should be.
func Check(holds bool, what ...any) {
	if !holds {
		fmt.Println(what...)
		os.Exit(1)
	}
}

// Must ends the program when there is an error.
func Must(err error) { Check(err == nil, err) }

// Text is the value of a codec's record.
func Text(codec string, index int) string {
	return strings.Repeat(fmt.Sprint(codec, " ", index, " "), 20)
}

// Codecs sees that each codec's records come in order, whole and with their header.
type Codecs map[string]int

// Saw takes the next record.
func (next Codecs) Saw(codec, value, header []byte) {
	name := string(codec)
	Check(string(value) == Text(name, next[name]), "value", name, next[name], string(value))
	Check(string(header) == name, "header", string(header))
	next[name]++
}
