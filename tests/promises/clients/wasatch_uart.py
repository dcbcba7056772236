"""Talks to a Wasatch module on a serial port with the codec and the EEPROM parser of the vendor's Python library.

Usage: wasatch_uart.py PORT. Prints one JSON line. The library has no client for the UART; frames are built and checked
by the methods of its SPI driver, and pages are parsed by its EEPROM class.
"""

import json
import sys

import crcmod.predefined
import serial
from wasatch.EEPROM import EEPROM
from wasatch.SPIDevice import SPIDevice

codec = SPIDevice.__new__(SPIDevice)  # its constructor wants an adapter
codec.crc8 = crcmod.predefined.mkPredefinedCrcFun("crc-8-maxim")
wrong = []
codec.check_crc = lambda received, data: wrong.append(data) if codec.crc8(bytearray(data)) != received else None

port = serial.Serial(sys.argv[1], 921600, timeout=2)


def request(command, data=()):
    return codec.fix_crc([codec.START, 0, 1 + len(data), command, *data, codec.CRC, codec.END])


def ask(command, data=()):
    sent = request(command, data)
    port.write(sent)
    head = port.read(3)
    reply = head + port.read(int.from_bytes(head[1:3], "big") + 2)
    assert reply[0] == codec.START and reply[-1] == codec.END and reply[3] == command, reply.hex()
    return bytes(codec.decode_read_response(sent, bytes(sent) + reply))


def page(number):
    assert ask(0xB0, [0x40 + number]) == b"\x00"
    return ask(0x31)


ping = ask(0x4B)
fpga = ask(0x10).decode()
assert ask(0x91, [100, 0, 0]) == b"\x00"
integration_ms = int.from_bytes(ask(0x11), "little")
pixels = int.from_bytes(ask(0x15), "little")
eeprom = EEPROM()
eeprom.parse([page(n) for n in range(8)])
port.write(request(0x0A))
image = port.read(2 * pixels)
counts = [int.from_bytes(image[i : i + 2], "big") for i in range(0, len(image), 2)]
laser = []
for state in (1, 0):
    assert ask(0xB4, [state]) == b"\x00"
    laser.append(ask(0x34)[0])
print(
    json.dumps(
        dict(
            wrong=len(wrong),
            ping=ping.hex(),
            fpga=fpga,
            integration_ms=integration_ms,
            pixels=pixels,
            counts=len(counts),
            middle=sorted(counts)[pixels // 2],
            laser=laser,
            serial=eeprom.serial_number,
            model=eeprom.model,
            wavelengths=list(eeprom.wavelength_coeffs),
            excitation=eeprom.excitation_nm_float,
            bad_pixels=eeprom.bad_pixels,
            watchdog=eeprom.laser_watchdog_sec,
            integration=[eeprom.min_integration_time_ms, eeprom.max_integration_time_ms],
            setpoint=eeprom.startup_temp_degC,
            degc_to_dac=list(eeprom.degC_to_dac_coeffs),
            power=[eeprom.min_laser_power_mW, eeprom.max_laser_power_mW],
        )
    )
)
