// Package modbusmap offers the reading of the meter as the register map of a
// meter that chargers and energy management systems already know, over Modbus
// TCP.
//
// A [Map] is a table: which register holds which value, in which form. A
// [Registers] serves one Map from the latest snapshot: the registers are
// rendered once per telegram, and a request copies a slice of them, so that the
// values of one answer always come from one telegram. A [Server] carries the
// requests of TCP clients to it. Registers also implements the RequestHandler of
// github.com/simonvetter/modbus, whose server answers the same bytes.
//
// # Adding a map
//
// Write a file with a table like that of empro.go, name the Map in the list
// known of map.go, and put its addresses, types and names as a CSV file into
// testdata/modbus, so that a typing error does not become a register. Values
// come from the functions of source.go; a new form of register is a row in the
// table forms of encode.go.
package modbusmap
