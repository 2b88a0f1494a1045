# One page for the way of an event: what came in, how far it has come, what waits, and what has gone wrong.

locals {
  function_metrics = { for metric in ["Invocations", "Errors", "Throttles", "Duration"] : metric => [for name, _ in local.functions : ["AWS/Lambda", metric, "FunctionName", "${local.id}-${name}"]] }

  widgets = [
    { title = "Requests and their failures", stat = "Sum", metrics = [for metric in ["Count", "4xx", "5xx"] : ["AWS/ApiGateway", metric, "ApiId", aws_apigatewayv2_api.http.id]] },
    { title = "Latency of the API (p99, ms)", stat = "p99", metrics = [["AWS/ApiGateway", "Latency", "ApiId", aws_apigatewayv2_api.http.id]] },
    { title = "Lag of the relay (ms)", stat = "Maximum", metrics = [["AWS/Lambda", "IteratorAge", "FunctionName", "${local.id}-relay"]] },
    { title = "Age of the oldest message (s)", stat = "Maximum", metrics = [for name, _ in local.queues : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", "${local.id}-${name}"]] },
    { title = "Messages waiting", stat = "Maximum", metrics = [for name, _ in local.queues : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "${local.id}-${name}"]] },
    { title = "Dead letters", stat = "Maximum", metrics = [for name, _ in local.consumers : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "${local.id}-${name}-dead-letter"]] },
    { title = "Parked", stat = "Sum", metrics = [for name, function in local.functions : ["Polycell/${local.id}", "Parked.${name}"] if function.bundle != "http"] },
    { title = "Slowest events (p99, ms)", stat = "Maximum", metrics = [for name, _ in local.delays : ["Polycell/${local.id}", "Delay.${name}"]] },
    { title = "Errors", stat = "Sum", metrics = local.function_metrics["Errors"] },
    { title = "Throttles", stat = "Sum", metrics = local.function_metrics["Throttles"] },
    { title = "Runs", stat = "Sum", metrics = local.function_metrics["Invocations"] },
    { title = "Duration (p99, ms)", stat = "p99", metrics = local.function_metrics["Duration"] },
    { title = "Throttled requests to the tables", stat = "Sum", metrics = [for table in [local.events_table, local.state_table] : ["AWS/DynamoDB", "ThrottledRequests", "TableName", table]] },
  ]
}

resource "aws_cloudwatch_dashboard" "cell" {
  dashboard_name = local.id

  dashboard_body = jsonencode({
    widgets = [
      for index, widget in local.widgets : {
        type   = "metric"
        x      = (index % 3) * 8
        y      = floor(index / 3) * 6
        width  = 8
        height = 6
        properties = {
          title   = widget.title
          region  = local.region
          stat    = widget.stat
          period  = 60
          metrics = widget.metrics
        }
      }
    ]
  })
}
