// Made from the event types in core/domains/catalog by `npm run generate`.
// @ts-nocheck
import type { CompiledValidator } from '../../events/registry.ts';

var __getOwnPropNames = Object.getOwnPropertyNames;
var __commonJS = (cb, mod) => function() {
  try {
    return mod || (0, cb[__getOwnPropNames(cb)[0]])((mod = { exports: {} }).exports, mod), mod.exports;
  } catch (e) {
    throw mod = 0, e;
  }
};

// node_modules/ajv/dist/runtime/ucs2length.js
var require_ucs2length = __commonJS({
  "node_modules/ajv/dist/runtime/ucs2length.js"(exports) {
    "use strict";
    Object.defineProperty(exports, "__esModule", { value: !0 });
    function ucs2length(str) {
      let len = str.length, length = 0, pos = 0, value;
      for (; pos < len; )
        length++, value = str.charCodeAt(pos++), value >= 55296 && value <= 56319 && pos < len && (value = str.charCodeAt(pos), (value & 64512) === 56320 && pos++);
      return length;
    }
    exports.default = ucs2length;
    ucs2length.code = 'require("ajv/dist/runtime/ucs2length").default';
  }
});

// <stdin>
var validate0 = validate10, schema11 = { type: "object", required: [], properties: { name: { type: ["string", "null"], maxLength: 1024, description: "What people call it." }, manufacturer: { type: ["string", "null"], maxLength: 1024, description: "Who made it." }, model: { type: ["string", "null"], maxLength: 1024, description: "The manufacturer\u2019s name of its type." }, serial: { type: ["string", "null"], maxLength: 1024, description: "The manufacturer\u2019s number of it." }, site: { type: ["string", "null"], maxLength: 1024, description: "Where it stands." }, customer: { type: ["string", "null"], maxLength: 1024, description: "The id of the customer that it belongs to." } }, additionalProperties: !1 }, func2 = require_ucs2length().default;
function validate10(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null, errors = 0;
  if (errors === 0)
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let _errs1 = errors;
      for (let key0 in data)
        if (!(key0 === "name" || key0 === "manufacturer" || key0 === "model" || key0 === "serial" || key0 === "site" || key0 === "customer")) {
          return validate10.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }], !1;
          break;
        }
      if (_errs1 === errors) {
        if (data.name !== void 0) {
          let data0 = data.name, _errs2 = errors;
          if (typeof data0 != "string" && data0 !== null)
            return validate10.errors = [{ instancePath: instancePath + "/name", schemaPath: "#/properties/name/type", keyword: "type", params: { type: schema11.properties.name.type }, message: "must be string,null" }], !1;
          if (errors === _errs2 && typeof data0 == "string" && func2(data0) > 1024)
            return validate10.errors = [{ instancePath: instancePath + "/name", schemaPath: "#/properties/name/maxLength", keyword: "maxLength", params: { limit: 1024 }, message: "must NOT have more than 1024 characters" }], !1;
          var valid0 = _errs2 === errors;
        } else
          var valid0 = !0;
        if (valid0) {
          if (data.manufacturer !== void 0) {
            let data1 = data.manufacturer, _errs4 = errors;
            if (typeof data1 != "string" && data1 !== null)
              return validate10.errors = [{ instancePath: instancePath + "/manufacturer", schemaPath: "#/properties/manufacturer/type", keyword: "type", params: { type: schema11.properties.manufacturer.type }, message: "must be string,null" }], !1;
            if (errors === _errs4 && typeof data1 == "string" && func2(data1) > 1024)
              return validate10.errors = [{ instancePath: instancePath + "/manufacturer", schemaPath: "#/properties/manufacturer/maxLength", keyword: "maxLength", params: { limit: 1024 }, message: "must NOT have more than 1024 characters" }], !1;
            var valid0 = _errs4 === errors;
          } else
            var valid0 = !0;
          if (valid0) {
            if (data.model !== void 0) {
              let data2 = data.model, _errs6 = errors;
              if (typeof data2 != "string" && data2 !== null)
                return validate10.errors = [{ instancePath: instancePath + "/model", schemaPath: "#/properties/model/type", keyword: "type", params: { type: schema11.properties.model.type }, message: "must be string,null" }], !1;
              if (errors === _errs6 && typeof data2 == "string" && func2(data2) > 1024)
                return validate10.errors = [{ instancePath: instancePath + "/model", schemaPath: "#/properties/model/maxLength", keyword: "maxLength", params: { limit: 1024 }, message: "must NOT have more than 1024 characters" }], !1;
              var valid0 = _errs6 === errors;
            } else
              var valid0 = !0;
            if (valid0) {
              if (data.serial !== void 0) {
                let data3 = data.serial, _errs8 = errors;
                if (typeof data3 != "string" && data3 !== null)
                  return validate10.errors = [{ instancePath: instancePath + "/serial", schemaPath: "#/properties/serial/type", keyword: "type", params: { type: schema11.properties.serial.type }, message: "must be string,null" }], !1;
                if (errors === _errs8 && typeof data3 == "string" && func2(data3) > 1024)
                  return validate10.errors = [{ instancePath: instancePath + "/serial", schemaPath: "#/properties/serial/maxLength", keyword: "maxLength", params: { limit: 1024 }, message: "must NOT have more than 1024 characters" }], !1;
                var valid0 = _errs8 === errors;
              } else
                var valid0 = !0;
              if (valid0) {
                if (data.site !== void 0) {
                  let data4 = data.site, _errs10 = errors;
                  if (typeof data4 != "string" && data4 !== null)
                    return validate10.errors = [{ instancePath: instancePath + "/site", schemaPath: "#/properties/site/type", keyword: "type", params: { type: schema11.properties.site.type }, message: "must be string,null" }], !1;
                  if (errors === _errs10 && typeof data4 == "string" && func2(data4) > 1024)
                    return validate10.errors = [{ instancePath: instancePath + "/site", schemaPath: "#/properties/site/maxLength", keyword: "maxLength", params: { limit: 1024 }, message: "must NOT have more than 1024 characters" }], !1;
                  var valid0 = _errs10 === errors;
                } else
                  var valid0 = !0;
                if (valid0)
                  if (data.customer !== void 0) {
                    let data5 = data.customer, _errs12 = errors;
                    if (typeof data5 != "string" && data5 !== null)
                      return validate10.errors = [{ instancePath: instancePath + "/customer", schemaPath: "#/properties/customer/type", keyword: "type", params: { type: schema11.properties.customer.type }, message: "must be string,null" }], !1;
                    if (errors === _errs12 && typeof data5 == "string" && func2(data5) > 1024)
                      return validate10.errors = [{ instancePath: instancePath + "/customer", schemaPath: "#/properties/customer/maxLength", keyword: "maxLength", params: { limit: 1024 }, message: "must NOT have more than 1024 characters" }], !1;
                    var valid0 = _errs12 === errors;
                  } else
                    var valid0 = !0;
              }
            }
          }
        }
      }
    } else
      return validate10.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }], !1;
  return validate10.errors = vErrors, errors === 0;
}
var validate1 = validate11;
function validate11(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null, errors = 0;
  return errors === 0 && !(data && typeof data == "object" && !Array.isArray(data)) ? (validate11.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }], !1) : (validate11.errors = vErrors, errors === 0);
}
var validate2 = validate12, schema13 = { type: "object", required: [], properties: { name: { type: ["string", "null"], maxLength: 1024, description: "What people call it." }, country: { type: ["string", "null"], maxLength: 1024, description: "Its country, by ISO 3166." }, address: { type: ["string", "null"], maxLength: 1024, description: "Where letters go." }, email: { type: ["string", "null"], maxLength: 1024, description: "Where messages go." }, phone: { type: ["string", "null"], maxLength: 1024, description: "Where calls go." } }, additionalProperties: !1 };
function validate12(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null, errors = 0;
  if (errors === 0)
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let _errs1 = errors;
      for (let key0 in data)
        if (!(key0 === "name" || key0 === "country" || key0 === "address" || key0 === "email" || key0 === "phone")) {
          return validate12.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }], !1;
          break;
        }
      if (_errs1 === errors) {
        if (data.name !== void 0) {
          let data0 = data.name, _errs2 = errors;
          if (typeof data0 != "string" && data0 !== null)
            return validate12.errors = [{ instancePath: instancePath + "/name", schemaPath: "#/properties/name/type", keyword: "type", params: { type: schema13.properties.name.type }, message: "must be string,null" }], !1;
          if (errors === _errs2 && typeof data0 == "string" && func2(data0) > 1024)
            return validate12.errors = [{ instancePath: instancePath + "/name", schemaPath: "#/properties/name/maxLength", keyword: "maxLength", params: { limit: 1024 }, message: "must NOT have more than 1024 characters" }], !1;
          var valid0 = _errs2 === errors;
        } else
          var valid0 = !0;
        if (valid0) {
          if (data.country !== void 0) {
            let data1 = data.country, _errs4 = errors;
            if (typeof data1 != "string" && data1 !== null)
              return validate12.errors = [{ instancePath: instancePath + "/country", schemaPath: "#/properties/country/type", keyword: "type", params: { type: schema13.properties.country.type }, message: "must be string,null" }], !1;
            if (errors === _errs4 && typeof data1 == "string" && func2(data1) > 1024)
              return validate12.errors = [{ instancePath: instancePath + "/country", schemaPath: "#/properties/country/maxLength", keyword: "maxLength", params: { limit: 1024 }, message: "must NOT have more than 1024 characters" }], !1;
            var valid0 = _errs4 === errors;
          } else
            var valid0 = !0;
          if (valid0) {
            if (data.address !== void 0) {
              let data2 = data.address, _errs6 = errors;
              if (typeof data2 != "string" && data2 !== null)
                return validate12.errors = [{ instancePath: instancePath + "/address", schemaPath: "#/properties/address/type", keyword: "type", params: { type: schema13.properties.address.type }, message: "must be string,null" }], !1;
              if (errors === _errs6 && typeof data2 == "string" && func2(data2) > 1024)
                return validate12.errors = [{ instancePath: instancePath + "/address", schemaPath: "#/properties/address/maxLength", keyword: "maxLength", params: { limit: 1024 }, message: "must NOT have more than 1024 characters" }], !1;
              var valid0 = _errs6 === errors;
            } else
              var valid0 = !0;
            if (valid0) {
              if (data.email !== void 0) {
                let data3 = data.email, _errs8 = errors;
                if (typeof data3 != "string" && data3 !== null)
                  return validate12.errors = [{ instancePath: instancePath + "/email", schemaPath: "#/properties/email/type", keyword: "type", params: { type: schema13.properties.email.type }, message: "must be string,null" }], !1;
                if (errors === _errs8 && typeof data3 == "string" && func2(data3) > 1024)
                  return validate12.errors = [{ instancePath: instancePath + "/email", schemaPath: "#/properties/email/maxLength", keyword: "maxLength", params: { limit: 1024 }, message: "must NOT have more than 1024 characters" }], !1;
                var valid0 = _errs8 === errors;
              } else
                var valid0 = !0;
              if (valid0)
                if (data.phone !== void 0) {
                  let data4 = data.phone, _errs10 = errors;
                  if (typeof data4 != "string" && data4 !== null)
                    return validate12.errors = [{ instancePath: instancePath + "/phone", schemaPath: "#/properties/phone/type", keyword: "type", params: { type: schema13.properties.phone.type }, message: "must be string,null" }], !1;
                  if (errors === _errs10 && typeof data4 == "string" && func2(data4) > 1024)
                    return validate12.errors = [{ instancePath: instancePath + "/phone", schemaPath: "#/properties/phone/maxLength", keyword: "maxLength", params: { limit: 1024 }, message: "must NOT have more than 1024 characters" }], !1;
                  var valid0 = _errs10 === errors;
                } else
                  var valid0 = !0;
            }
          }
        }
      }
    } else
      return validate12.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }], !1;
  return validate12.errors = vErrors, errors === 0;
}
var compiled = { "io.polycell.device-described.v1": validate0, "io.polycell.device-removed.v1": validate1, "io.polycell.customer-described.v1": validate2, "io.polycell.customer-removed.v1": validate1, "body:describeCatalogDevice": validate0, "body:changeCatalogDevice": validate0, "body:describeCustomer": validate2, "body:changeCustomer": validate2 };

/** Name → validator. */
export const validators: Readonly<Record<"io.polycell.device-described.v1" | "io.polycell.device-removed.v1" | "io.polycell.customer-described.v1" | "io.polycell.customer-removed.v1" | "body:describeCatalogDevice" | "body:changeCatalogDevice" | "body:describeCustomer" | "body:changeCustomer", CompiledValidator>> = compiled;
