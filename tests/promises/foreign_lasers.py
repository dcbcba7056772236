"""Foreign drivers against emulated lasers. Prints one JSON line."""
import json, sys, time
kind, port = sys.argv[1:3]
seen = {}
if kind == "obis":
    from microscope.lights.obis import ObisLaser
    laser = ObisLaser(com=port)
    laser.power = 0.4
    seen["enabled"] = bool(laser.enable() or laser.get_is_on())
    time.sleep(0.3)
    seen["on"] = laser.get_is_on(); seen["power"] = laser.power
    laser.disable(); seen["off"] = not laser.get_is_on()
    seen["status"] = laser.get_status()
    laser.shutdown()
elif kind == "cobolt":
    from microscope.lights.cobolt import CoboltLaser
    laser = CoboltLaser(com=port)
    laser.power = 0.4
    laser.enable(); time.sleep(0.3)
    seen["on"] = laser.get_is_on(); seen["power"] = laser.power
    laser.disable(); seen["off"] = not laser.get_is_on()
    seen["status"] = laser.get_status()
    laser.shutdown()
elif kind == "cobolt-pylablib":
    from pylablib.devices import Hubner
    laser = Hubner.Cobolt(port)
    seen["info"] = list(laser.get_device_info())
    laser.set_output_power(0.04); seen["set"] = laser.get_output_power_setpoint()
    laser.enable(True); time.sleep(0.3)
    seen["on"] = laser.is_enabled(); seen["power"] = laser.get_output_power(); seen["mode"] = laser.get_operating_mode()
    laser.enable(False); seen["off"] = not laser.is_enabled()
    seen["error"] = laser.get_error_state(); seen["interlock"] = laser.get_interlock(); seen["key"] = laser.get_key_switch()
    seen["all"] = {k: repr(v) for k, v in laser.get_full_info().items()}
    laser.close()
elif kind == "ondax":
    import quantities as pq
    from instruments.ondax import LM
    laser = LM.open_serial(port, baud=19200, timeout=2)
    seen["serial"] = laser.serial_number; seen["firmware"] = laser.firmware
    laser.power = 40 * pq.mW; seen["target"] = float(laser.apc.target)
    laser.enabled = True; time.sleep(0.3)
    seen["power"] = float(laser.power); seen["current"] = float(laser.current)
    laser.enabled = False; seen["dark"] = float(laser.power); seen["status"] = int(laser.status)
    laser.apc.enabled = True; laser.tec.enabled = True; seen["temperature"] = float(laser.temperature)
print(json.dumps(seen))
